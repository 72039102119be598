# Posthaste.  Targets: all (default), test, lint, fuzz, fuzz-build, torture, bench, clean.
# Variants, each in a folder of its own:  make SAN=1  (address and undefined sanitizers)

ifeq ($(origin CC),default)
CC = gcc
endif
V = $(if $(VERBOSE),,@echo "$(1)" "$(2)";)
CLANG ?= clang
PKGS = libevent_core libevent_openssl libssl libcrypto libsodium sqlite3 jansson libidn2
VARIANT = $(if $(SAN),san,release)
OUT = build/$(VARIANT)
BIN = $(if $(SAN),build/san/bin,build/bin)

WARN = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual \
	-Wwrite-strings -Wformat=2 -Wvla -Wswitch-enum -Wimplicit-fallthrough \
	-Wnull-dereference -Wconversion -Wno-sign-conversion
HARD = -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection
GCCONLY = $(if $(findstring gcc,$(CC)),-ftrivial-auto-var-init=zero)
SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
VERSION = $(shell cat VERSION)

CPPFLAGS = -D_GNU_SOURCE -I. -I$(OUT)/gen -DPOSTHASTE_VERSION='"$(VERSION)"'
CFLAGS = -std=c17 -g $(if $(SAN),-O1 $(SANFLAGS),-O2 $(HARD) $(GCCONLY)) -fPIE $(WARN) \
	$(shell pkg-config --cflags $(PKGS))
LDFLAGS = -pie -Wl,-z,relro,-z,now $(if $(SAN),$(SANFLAGS))
LDLIBS = $(shell pkg-config --libs $(PKGS)) -lpthread

SQL = control mail
GEN = $(SQL:%=$(OUT)/gen/%_sql.h)

src = $(filter-out %_test.c,$(wildcard $(1)))
obj = $(patsubst %.c,$(OUT)/%.o,$(1))

COMMON = $(call src,common/*.c common/*/*.c)
TESTS = $(wildcard common/*_test.c common/*/*_test.c smtpd/*_test.c queued/*_test.c \
	deliverd/*_test.c ctl/*_test.c sink/*_test.c)
LIB = $(OUT)/libcommon.a

# program: sources beside libcommon, further libraries
DELIVERD_OTHER = deliverd/signer.c deliverd/resolver.c
PROGS = posthaste posthaste-smtpd posthaste-queued posthaste-deliverd posthaste-signer \
	posthaste-resolver posthaste-sink
posthaste_SRC = $(call src,ctl/*.c)
posthaste-smtpd_SRC = $(call src,smtpd/*.c)
posthaste-queued_SRC = $(call src,queued/*.c)
posthaste-deliverd_SRC = $(filter-out $(DELIVERD_OTHER) deliverd/signer_%.c deliverd/resolver_%.c,$(call src,deliverd/*.c))
posthaste-signer_SRC = $(call src,deliverd/signer*.c)
posthaste-signer_LIBS = -lseccomp
posthaste-resolver_SRC = $(call src,deliverd/resolver*.c)
posthaste-resolver_LIBS = -lunbound
posthaste-sink_SRC = $(call src,sink/*.c)
ALLSRC = $(COMMON) $(foreach p,$(PROGS),$($(p)_SRC))

all: $(PROGS:%=$(BIN)/%)

$(OUT)/gen/%_sql.h: common/db/%.sql tools/sql2c
	@mkdir -p $(@D)
	$(call V,SQL,$<)sh tools/sql2c $* $< > $@.tmp && mv $@.tmp $@

$(OUT)/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(call V,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(call obj,$(COMMON))
	$(call V,AR,$@)rm -f $@ && ar rcs $@ $^

define program
$(BIN)/$(1): $(call obj,$($(1)_SRC)) $(LIB)
	@mkdir -p $$(@D)
	$$(call V,LD,$$@)$(CC) $(LDFLAGS) -o $$@ $(call obj,$($(1)_SRC)) $(LIB) $($(1)_LIBS) $(LDLIBS)
endef
$(foreach p,$(PROGS),$(eval $(call program,$(p))))

# unit tests: foo_test.c links its own folder (without any main) and libcommon
folder_objs = $(call obj,$(filter-out %/main.c $(DELIVERD_OTHER),$(call src,$(1)/*.c)))
define unit_test
$(OUT)/$(1:.c=): $(call obj,$(1)) $(LIB) $(if $(filter common/%,$(1)),,$(call folder_objs,$(patsubst %/,%,$(dir $(1)))))
	$$(call V,LD,$$@)$(CC) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(LIB) -lcmocka $(if $(filter deliverd/resolver%,$(1)),-lunbound) $(LDLIBS)
endef
$(foreach t,$(TESTS),$(eval $(call unit_test,$(t))))
UNITS = $(TESTS:%.c=$(OUT)/%)

units: $(UNITS)

test: all units
	sh tests/run

lint:
	sh tools/lint

# judges of our DKIM signatures, for tests/e2e/dkim_compare.py; not part of all
$(OUT)/tests/dkim_judge: $(OUT)/tests/dkim_judge.o
	$(CC) $(LDFLAGS) -o $@ $< -lopendkim
$(OUT)/tests/dkim_tool: $(OUT)/tests/dkim_tool.o $(OUT)/deliverd/dkim.o \
		$(OUT)/deliverd/signer_keys.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# fuzz targets: fuzz/foo.c, one LLVMFuzzerTestOneInput each; corpus in fuzz/corpus/foo
FUZZ = $(patsubst fuzz/%.c,build/fuzz/%,$(wildcard fuzz/*.c))
FUZZFLAGS = -std=c17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	$(shell pkg-config --cflags $(PKGS))
FUZZSRC = $(COMMON) smtpd/session.c smtpd/verbs.c smtpd/bdat.c smtpd/auth.c smtpd/repair.c \
	deliverd/client.c deliverd/client_parts.c deliverd/dkim.c deliverd/route.c queued/plan.c \
	queued/plan_flow.c queued/plan_retry.c ctl/suppression_read.c ctl/sendmail_message.c \
	ctl/records.c ctl/records_judge.c \
	sink/sink.c
FUZZOBJ = $(patsubst %.c,build/fuzz/obj/%.o,$(wildcard $(FUZZSRC)))

build/fuzz/obj/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(call V,CLANG,$<)$(CLANG) $(CPPFLAGS) $(subst fuzzer,fuzzer-no-link,$(FUZZFLAGS)) -MMD -MP -c -o $@ $<

build/fuzz/libfuzz.a: $(FUZZOBJ)
	rm -f $@ && ar rcs $@ $^

build/fuzz/%: fuzz/%.c build/fuzz/libfuzz.a
	$(call V,FUZZ,$@)$(CLANG) $(CPPFLAGS) $(FUZZFLAGS) -o $@ $< build/fuzz/libfuzz.a $(FUZZLIBS) $(LDLIBS)
build/fuzz/dkim: FUZZLIBS = -lopendkim

fuzz-build: $(FUZZ)

fuzz: fuzz-build
	sh tools/fuzz $(FUZZ)

torture: all
	sh tests/long

bench: all
	/usr/bin/python3 bench/run

clean:
	rm -rf build

.PHONY: all units test lint fuzz fuzz-build torture bench clean
.SECONDARY:
-include $(patsubst %.c,$(OUT)/%.d,$(ALLSRC) $(TESTS)) $(FUZZOBJ:.o=.d)
