package plan

// Make returns the plan that the input asks for. It changes nothing of the
// input; the order of the input's mailboxes and items does not matter.
func Make(in Input) Plan {
	return Plan{}
}
