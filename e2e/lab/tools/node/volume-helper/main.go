// Command volume-helper makes or removes one volume's folder for local-path-provisioner, which runs
// it in a pod on the volume's node: VOL_DIR is the folder, the argument after -a says what to do.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if err := run(os.Args[1:], os.Getenv("VOL_DIR")); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(arguments []string, folder string) error {
	if !filepath.IsAbs(folder) || filepath.Clean(folder) == "/" {
		return fmt.Errorf("VOL_DIR %q is not a folder below the root", folder)
	}
	switch action := after(arguments, "-a"); action {
	case "create":
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		return os.Chmod(folder, 0o777) // the umask must not decide who can write
	case "delete":
		return os.RemoveAll(folder)
	default:
		return errors.New("-a create or -a delete is missing")
	}
}

func after(arguments []string, flag string) string {
	if at := slices.Index(arguments, flag); at >= 0 && at+1 < len(arguments) {
		return arguments[at+1]
	}
	return ""
}
