// Package simfs is a file system in memory that tests may treat badly. It is what
// package maildir asks of an operating system ([maildir.System]), with inode
// numbers, time stamps of a grain, directories that are read piece by piece in an
// order of their own, and a disk behind it that lags.
//
// # Two states
//
// All that is done is there at once, for everybody who looks. What would be there
// after a power cut is another matter. Syncing a file puts its content on the
// disk, and not its name; syncing a directory its entries, and not the content of
// its files, nor the directory's own name. [FS.Crash] keeps any part of the rest:
// of the changes to directories any subset in which each has those before it
// that were about the same file or the same name, for no file system undoes a
// change under a later one of the same thing; of a file's content what it was,
// what it is, the beginning of that, or zeros in its stead. A rename is one
// change, unless the file system is one that makes two of it.
//
// # What is not modelled
//
// Permissions, links that are symbolic, quotas, more than one device, and memory
// that is lost or altered by itself.
package simfs
