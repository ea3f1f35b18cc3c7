// Package columns holds what the kinds' tables have in common: the columns that
// many kinds show (Name, Age) and the texts of cells that several kinds print
// the same way (labels, selectors, containers, access modes).
//
// The texts are kube-apiserver's, since people and scripts read them: a missing
// value is <none>, lists are joined by commas without a blank, and a list that
// is cut says how many more there are. All functions are pure. Cells whose text
// depends on when it is read (ages) are left to the caller of Cells.
package columns
