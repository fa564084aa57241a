// Command godwit keeps a local Maildir and an IMAP account the same, in both
// directions.
package main

import "os"

func main() { os.Exit(run(os.Args)) }
