//go:build race

package sim_test

// usual is less under the race detector, which takes its time.
const usual = 500
