//go:build !race

package plan_test

// checks is how many random worlds each property is tried on.
const checks = "15000"
