"""A network namespace for a test: real ports, addresses that look public, and no way out.

    import netns
    netns.enter()		# starts this script anew inside; ends it with SKIP where that cannot be

Inside, every address there is belongs to this host but UNREACHABLE, so whatever is connected to by
mistake is seen by a listener at any address.  OWN is the interface's, from which all connections
come.  The root key of DNSSEC is hidden: name servers of tests sign nothing.  An ordinary user stays
who he is and may bind every port.
"""

import os
import subprocess
import sys

from posthaste import skip_all

OWN, UNREACHABLE = "11.0.0.1", "11.0.0.2"
ROOT_KEY = "/usr/share/dns/root.key"

SETUP = """
ip link set lo up &&
ip address add %s/32 dev lo &&
ip route add local default dev lo table local src %s &&
ip route add unreachable %s/32 table local &&
ip -6 route add local default dev lo table local || exit 1
[ ! -e %s ] || mount --bind /dev/null %s || exit 1
""" % (OWN, OWN, UNREACHABLE, ROOT_KEY, ROOT_KEY)


def command(*inside):
    """What runs a command in a namespace of its own, as the same user."""
    if os.getuid() == 0:
        return ["unshare", "-nm", "sh", "-c", SETUP + 'exec "$0" "$@"', *inside]
    back = "exec unshare -U --map-user=%d --map-group=%d \"$0\" \"$@\"" % (os.getuid(), os.getgid())
    port = "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start || exit 1\n"
    return ["unshare", "-Urnm", "sh", "-c", SETUP + port + back, *inside]


def enter():
    if os.environ.get("POSTHASTE_NETNS"):
        return
    try:
        tried = subprocess.run(command("true"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        failed, why = tried.returncode, tried.stdout.decode(errors="replace").strip()
    except OSError as e:
        failed, why = True, str(e)
    if failed:
        skip_all("no network namespace can be made here: %s" % why.replace("\n", "; "))
    line = command(sys.executable, *sys.argv)
    os.execvpe(line[0], line, dict(os.environ, POSTHASTE_NETNS="1"))
