"""The N-th allocation of a process finds no memory: a preloaded library, and how it is told.

    memory = Memory(base, os.listdir(base + "/real"))
    with Sandbox(environ=dict(memory.environ, POSTHASTE_TORTURE=base), ...) as s:
        memory.pages["posthaste-queued"].arm(s.pid("queued"), 7)

Only programs in the folder real/ of POSTHASTE_TORTURE are concerned.  Each has a page, memory/NAME,
shared with the test, which says whose allocations are counted and which one fails.  A process
belongs to a family: the process id that it was started with, which its forked workers keep.  Exactly
one allocation fails, whichever thread or process of the family makes it.
"""

import mmap
import os
import struct
import subprocess

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct page {
    _Atomic uint64_t armed;
    _Atomic uint64_t who;     /* process id, or that of a family */
    _Atomic uint64_t fail_at; /* 0: only count */
    _Atomic uint64_t count;
    _Atomic uint64_t hit;    /* the process that got none */
    _Atomic uint64_t start; /* the next that is started arms the page for its family */
    char library[80];       /* whose allocation it was */
};

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);

static struct page *page;
static uint64_t self, family;

static void in_child(void)
{
    self = (uint64_t)getpid();
}

static void map(const char *name)
{
    int fd = open(name, O_RDWR | O_CLOEXEC);
    void *p;

    if (fd < 0)
        return;
    p = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p != MAP_FAILED)
        page = p;
}

__attribute__((constructor)) static void begin(void)
{
    static char exe[PATH_MAX], name[PATH_MAX + 16];
    const char *base = getenv("POSTHASTE_TORTURE"), *program;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    program = n > 0 ? strrchr(exe, '/') : NULL;
    if (!base || !program || program - exe < 5 || memcmp(program - 5, "/real", 5) != 0)
        return;
    snprintf(name, sizeof(name), "%s/memory%s", base, program);
    self = family = (uint64_t)getpid();
    pthread_atfork(NULL, NULL, in_child);
    map(name);
    if (page && atomic_exchange(&page->start, 0)) {
        page->who = family;
        page->armed = 1;
    }
}

static int fails(const void *caller)
{
    Dl_info info;
    uint64_t who;

    if (!page || !page->armed)
        return 0;
    who = page->who;
    if ((who != self && who != family) ||
        atomic_fetch_add(&page->count, 1) + 1 != page->fail_at)
        return 0;
    if (dladdr(caller, &info) && info.dli_fname)
        snprintf(page->library, sizeof(page->library), "%s", info.dli_fname);
    page->hit = self;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
"""

FIELDS = ("armed", "who", "fail_at", "count", "hit", "start")


class Page:
    """What the test and the processes of one program share."""

    def __init__(self, path):
        with open(path, "wb") as f:
            f.truncate(mmap.PAGESIZE)
        os.chmod(path, 0o666)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), mmap.PAGESIZE)

    def __getattr__(self, name):
        return struct.unpack_from("Q", self.map, 8 * FIELDS.index(name))[0]

    @property
    def library(self):
        """The file whose code asked for what it didn't get."""
        at = 8 * len(FIELDS)
        return self.map[at:at + 80].partition(b"\0")[0].decode()

    def put(self, **values):
        for name, value in values.items():
            struct.pack_into("Q", self.map, 8 * FIELDS.index(name), value)

    def arm(self, pid, n):
        """The n-th allocation of a process or family from now on; 0: they are counted."""
        self.disarm()
        self.put(fail_at=n, who=pid)
        self.put(armed=1)

    def arm_next_start(self, n):
        self.disarm()
        self.put(fail_at=n, who=0)
        self.put(start=1)

    def disarm(self):
        self.put(armed=0, start=0)
        self.put(count=0, hit=0)
        self.map[8 * len(FIELDS)] = 0


class Memory:
    """The library and the pages of all programs."""

    def __init__(self, base, programs):
        folder = os.path.join(base, "memory")
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        source, library = os.path.join(base, "nomemory.c"), os.path.join(base, "nomemory.so")
        with open(source, "w") as f:
            f.write(SOURCE)
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", library,
                        source, "-lpthread"], check=True)
        os.chmod(library, 0o755)
        self.environ = {"LD_PRELOAD": library}
        self.pages = {name: Page(os.path.join(folder, name)) for name in programs}
