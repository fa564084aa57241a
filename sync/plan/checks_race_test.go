//go:build race

package plan_test

// checks is how many random worlds each property is tried on: the race
// detector makes each of them many times as dear.
const checks = "1000"
