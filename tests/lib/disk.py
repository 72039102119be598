"""A file system of its own in a file, mounted by a loop device: for what only root can try."""

import os
import shutil
import subprocess
import sys

from posthaste import Failed, wait_for


def run(*line):
    done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failed("%s: status %d: %s" % (" ".join(line), done.returncode,
                                            done.stdout.decode().strip()))


def own_mounts():
    """Goes on in a mount namespace of its own.  Whoever makes a namespace by copying ours holds our
    file systems mounted after we have unmounted them: then a disk that was cut stays cut."""
    if os.environ.get("POSTHASTE_TEST_MOUNTS") or os.geteuid() or not shutil.which("unshare"):
        return
    os.environ["POSTHASTE_TEST_MOUNTS"] = "own"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable] +
              sys.argv)


class Disk:
    """A file with a file system, mounted at a folder."""

    def __init__(self, image, at, kind, size):
        self.image, self.at, self.kind = image, at, kind
        with open(image, "wb") as f:
            f.truncate(size)
        run("mkfs." + kind, "-q", *(["-F"] if kind == "ext4" else ["-f"]), image)
        self.mounted = False

    def mount(self):
        run("mount", "-t", self.kind, "-o", "loop", self.image, self.at)
        self.mounted = True

    def umount(self):
        if not self.mounted:
            return
        if not wait_for(lambda: subprocess.run(["umount", self.at],
                                               stderr=subprocess.DEVNULL).returncode == 0, 10):
            raise Failed("%s stays mounted" % self.at)
        self.mounted = False

    def remount(self, how):
        """how: "ro", "rw" or, as after an error of the disk, "abort" """
        run("mount", "-o", "remount," + how, self.at)

    def hold(self):
        """A descriptor to cut by."""
        return os.open(self.at, os.O_RDONLY | os.O_DIRECTORY)
