// Package imports holds the test that imports point downwards only.
package imports
