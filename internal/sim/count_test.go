//go:build !race

package sim_test

// usual is how many cases a test run simulates.
const usual = 10_000
