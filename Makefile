# lunapod: build, test, install. `make help` lists what there is.
SHELL := /bin/bash
.DELETE_ON_ERROR:

VERSION := $(shell sed -n 's/^.define LPOD_VERSION "\(.*\)"/\1/p' core/include/lunapod/version.h)
SOVERSION := 0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
CC ?= cc
B ?= build
# One spelling of each folder: an absolute name of one below this would leave its header dependencies unseen.
override B := $(patsubst $(CURDIR)/%,%,$(abspath $(B)))

PACKAGES := libuv libcurl yaml-0.1 openssl zlib
WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wvla
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -fvisibility=hidden -fPIC $(WARN) $(CFLAGS) -Icore/include
THIRD_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
THIRD_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lwslay -lm

# The Lua versions whose headers and interpreter are here: 5.1 5.2 5.3 5.4 (5.5) jit.
lua_package = $(if $(filter jit,$(1)),luajit,lua$(1))
lua_program = $(if $(filter jit,$(1)),luajit,lua$(1))
LUAS ?= $(foreach v,5.1 5.2 5.3 5.4 5.5 jit,$(if $(shell pkg-config --exists $(call lua_package,$(v)) 2>/dev/null && command -v $(call lua_program,$(v))),$(v)))
LUA ?= 5.4
lua_include = $(shell pkg-config --cflags $(call lua_package,$(1)))
# Where that Lua looks for modules: LuaJIT shares 5.1's folders.
lua_folder = $(if $(filter jit,$(1)),5.1,$(1))

.PHONY: all help
all: core modules ## build the library and the Lua modules of every Lua that is here

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

# ---- core: an archive a layer (a test links those at and below its own, which proves the layer rule a second time) ----
LAYERS := base data net kube pod
SOURCES := $(wildcard $(LAYERS:%=core/%/*.c) core/*.c)
OBJECTS := $(SOURCES:%.c=$(B)/%.o)
objects_of = $(patsubst %.c,$(B)/%.o,$(wildcard core/$(1)/*.c))

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(THIRD_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/core/version.o: THIRD_CFLAGS += -DLPOD_LAYOUT=$(shell cat core/*.h core/*/*.h core/include/lunapod/*.h | cksum | cut -d' ' -f1)u
$(B)/core/version.o: $(wildcard core/*.h core/*/*.h core/include/lunapod/*.h)

define layer_rule
$(B)/lib$(1).a: $(call objects_of,$(1))
	@rm -f $$@; mkdir -p $$(@D); ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

$(B)/liblunapod.a: $(OBJECTS)
	@rm -f $@; ar rcs $@ $^

$(B)/liblunapod.so.$(SOVERSION): $(OBJECTS)
	$(CC) -shared -Wl,-soname,liblunapod.so.$(SOVERSION) -Wl,-z,nodelete $(LDFLAGS) -o $@ $^ $(THIRD_LIBS)
	ln -sf $(@F) $(B)/liblunapod.so

.PHONY: core
core: $(B)/liblunapod.a ## build the C library

# ---- Lua modules: build/lua/<version>/lunapod/core.so, the library linked in ----
BINDINGS := $(wildcard bindings/*.c)
MODULE_FLAGS := -shared -fPIC -Wl,-z,nodelete -Wl,--exclude-libs,ALL -Wl,--version-script=bindings/module.map
define module_rule
$(B)/lua/$(1)/lunapod/core.so: $(BINDINGS) $(wildcard bindings/*.h) bindings/module.map $(B)/liblunapod.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $(call lua_include,$(1)) $$(MODULE_FLAGS) $$(LDFLAGS) -o $$@ $(BINDINGS) $(B)/liblunapod.a $$(THIRD_LIBS)
endef
$(foreach v,$(LUAS),$(eval $(call module_rule,$(v))))

# The same module over a stand-in of engine.h, so that every event, option and error can be tried without a network.
define fake_rule
$(B)/fake/$(1)/lunapod/core.so: $(BINDINGS) $(wildcard bindings/*.h) bindings/module.map tests/bindings/fake_engine.c $(B)/libdata.a $(B)/libbase.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) -Wno-conversion $(call lua_include,$(1)) $$(MODULE_FLAGS) $$(LDFLAGS) -o $$@ $(BINDINGS) \
	  tests/bindings/fake_engine.c core/version.c core/services.c $(B)/libdata.a $(B)/libbase.a -lyaml -lcrypto -lm
endef
$(foreach v,$(LUAS),$(eval $(call fake_rule,$(v))))

.PHONY: modules
modules: $(foreach v,$(LUAS),$(B)/lua/$(v)/lunapod/core.so)

# ---- running from the checkout ----
LUA_ENV = LUA_PATH="$(CURDIR)/scripts/?.lua;$(CURDIR)/scripts/?/init.lua;;" LUA_CPATH="$(abspath $(B))/lua/$(LUA)/?.so;;"
.PHONY: run run-lua
run: $(B)/lua/$(LUA)/lunapod/core.so ## the program on the Lua of LUA=: make run ARGS='run examples/tasks/hello.lua'
	@$(LUA_ENV) $(call lua_program,$(LUA)) scripts/bin/lunapod $(ARGS)
run-lua: $(B)/lua/$(LUA)/lunapod/core.so ## a Lua script with the build's paths: make run-lua SCRIPT='file args'
	@$(LUA_ENV) $(call lua_program,$(LUA)) $(SCRIPT)

# ---- tests ----
CHECKS := $(wildcard tests/core/*/check_*.c)
check_program = $(B)/tests/$(notdir $(basename $(1)))
below_base := base
below_data := data base
below_net := net data base
below_kube := kube net data base
below_pod := pod kube net data base
archives = $(if $(below_$(1)),$(patsubst %,$(B)/lib%.a,$(below_$(1))),$(B)/liblunapod.a)
define check_rule
$(call check_program,$(1)): $(1) $(call archives,$(2))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) -Wno-conversion -Wno-shadow -Icore -Itests/core $$(THIRD_CFLAGS) $$(LDFLAGS) -MMD -MP -o $$@ $(1) \
	  $(call archives,$(2)) $$(shell pkg-config --cflags --libs check) $$(THIRD_LIBS) -lpthread
endef
$(foreach c,$(CHECKS),$(eval $(call check_rule,$(c),$(word 3,$(subst /, ,$(c))))))

.PHONY: packages check check-core check-lua check-cluster
packages:
	@tests/install-packages.sh

check: packages ## Check suites, busted on every Lua that is here; needs no network
	@$(MAKE) --no-print-directory check-core check-lua check-embed

check-core: $(foreach c,$(filter tests/core/$(if $(LAYER),$(LAYER)/)%,$(CHECKS)),$(call check_program,$(c))) ## Check suites; LAYER=data: one layer's
	@status=0; for t in $^; do CK_FORK=$${CK_FORK:-no} $(CHECK_PREFIX) $$t || status=1; done; exit $$status

SPECS ?= tests/bindings tests/scripts
check-lua: modules $(foreach v,$(LUAS),$(B)/fake/$(v)/lunapod/core.so) ## busted on every Lua
	@status=0; for v in $(LUAS); do echo "== Lua $$v"; B=$(abspath $(B)) tests/run-busted $$v $(SPECS) || status=1; \
	  FAKE=1 B=$(abspath $(B)) tests/run-busted $$v tests/bindings/fake_spec.lua || status=1; done; exit $$status

check-cluster: packages modules embed ## the acceptance cases on a real Kubernetes, started here or LUNAPOD_TEST_KUBECONFIG
	@env B=$(abspath $(B)) LUA_PATH="$(CURDIR)/scripts/?.lua;$(CURDIR)/scripts/?/init.lua;$(CURDIR)/tests/?.lua;;" \
	  LUA_CPATH="$(abspath $(B))/lua/5.4/?.so;;" tests/cluster/run-specs $(CLUSTER_SPECS)

.PHONY: lint asan valgrind chaos gcstress fuzz-smoke
lint: packages ## warnings as errors, layers, style, luacheck, clang-tidy, cppcheck
	@$(MAKE) --no-print-directory B=$(B)-lint CFLAGS='-O1 -Werror' core modules
	tests/lint/layers --selftest && tests/lint/layers
	tests/lint/style --selftest && tests/lint/style
	tests/contract/missing && tests/cluster/acceptance-missing
	luacheck -q scripts examples tests
	tests/lint/static

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan: packages ## the Check suites under the address and undefined-behaviour sanitizers
	@ASAN_OPTIONS=detect_stack_use_after_return=1 $(MAKE) --no-print-directory B=$(B)-asan CFLAGS='-O1 -g $(ASAN)' LDFLAGS='$(ASAN)' check-core

chaos: $(B)/tests/check_nomem ## every allocation fails once: an error each time, nothing leaked
	@CK_FORK=no $<

gcstress: modules ## the bindings' specs with a garbage collection every few instructions
	@B=$(abspath $(B)) tests/run-busted 5.1 --helper=tests/bindings/gcstress.lua tests/bindings/values_spec.lua tests/bindings/services_spec.lua
	@B=$(abspath $(B)) tests/run-busted 5.4 --helper=tests/bindings/gcstress.lua tests/bindings/values_spec.lua tests/bindings/services_spec.lua

FUZZ_SECONDS ?= 30
fuzz-smoke: ## the fuzz targets of the readers, a while each, under the sanitizers
	@mkdir -p $(B)
	@for t in json yaml; do \
	  $(CC) -std=c11 -D_GNU_SOURCE -O1 -g -Icore/include -Icore $(ASAN) tests/fuzz/$$t.c tests/fuzz/driver.c core/data/*.c core/base/*.c \
	    -lyaml -lcrypto -o $(B)/fuzz-$$t && $(B)/fuzz-$$t $(FUZZ_SECONDS) || exit 1; \
	done

valgrind: ## the Check suites under valgrind
	@$(MAKE) --no-print-directory check-core CHECK_PREFIX='valgrind -q --leak-check=full --error-exitcode=1'

# ---- examples of embedding in C ----
EMBED := $(patsubst examples/embed/c/%.c,$(B)/embed/%,$(wildcard examples/embed/c/*.c))
$(B)/embed/%: examples/embed/c/%.c $(B)/liblunapod.so.$(SOVERSION)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(call lua_include,5.4) $(LDFLAGS) -o $@ $< -L$(B) -llunapod -Wl,-rpath,$(abspath $(B)) $(shell pkg-config --libs lua5.4)

.PHONY: embed check-embed
embed: $(EMBED)
check-embed: embed
	@test ! -x tests/embed/check || B=$(abspath $(B)) tests/embed/check

# ---- installing ----
PROGRAM_LUA ?= 5.4
INSTALL_LUAS ?= $(LUAS)
.PHONY: install install-core install-modules
install: install-core install-modules ## library, headers, pkg-config file, modules, scripts, program: PREFIX, DESTDIR

install-core: $(B)/liblunapod.a $(B)/liblunapod.so.$(SOVERSION)
	install -d $(DESTDIR)$(PREFIX)/include/lunapod $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 core/include/lunapod/*.h $(DESTDIR)$(PREFIX)/include/lunapod/
	install -m 644 $(B)/liblunapod.a $(DESTDIR)$(LIBDIR)/
	install -m 755 $(B)/liblunapod.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/liblunapod.so.$(VERSION)
	ln -sf liblunapod.so.$(VERSION) $(DESTDIR)$(LIBDIR)/liblunapod.so.$(SOVERSION)
	ln -sf liblunapod.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/liblunapod.so
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' core/lunapod.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/lunapod.pc

# The installed modules link the shared library, so that a C host and a script of one process share one.
define install_module
	install -d $(DESTDIR)$(LIBDIR)/lua/$(call lua_folder,$(1))/lunapod $(DESTDIR)$(PREFIX)/share/lua/$(call lua_folder,$(1))
	$(CC) $(ALL_CFLAGS) $(call lua_include,$(1)) $(MODULE_FLAGS) $(LDFLAGS) -o $(DESTDIR)$(LIBDIR)/lua/$(call lua_folder,$(1))/lunapod/core.so $(BINDINGS) -L$(B) -llunapod -Wl,-rpath,$(LIBDIR)
	cp -R scripts/lunapod $(DESTDIR)$(PREFIX)/share/lua/$(call lua_folder,$(1))/

endef
install-modules: $(B)/liblunapod.so.$(SOVERSION)
	$(foreach v,$(filter-out $(if $(filter 5.1,$(INSTALL_LUAS)),jit),$(INSTALL_LUAS)),$(call install_module,$(v)))
	install -d $(DESTDIR)$(PREFIX)/bin
	sed -e '1s|.*|#!/usr/bin/env $(call lua_program,$(PROGRAM_LUA))|' \
	  -e 's|^local share, lib = nil.*|local share, lib = "$(PREFIX)/share/lua/$(call lua_folder,$(PROGRAM_LUA))", "$(LIBDIR)/lua/$(call lua_folder,$(PROGRAM_LUA))"|' \
	  scripts/bin/lunapod >$(DESTDIR)$(PREFIX)/bin/lunapod
	chmod 755 $(DESTDIR)$(PREFIX)/bin/lunapod

# ---- LuaRocks: rockspec/lunapod-scm-1.rockspec calls these two with its own folders ----
.PHONY: rock-build rock-install rock
rock-build: $(B)/liblunapod.a
	@mkdir -p $(B)/rock/lunapod
	$(CC) $(ALL_CFLAGS) -I$(LUA_INCDIR) $(MODULE_FLAGS) $(LDFLAGS) -o $(B)/rock/lunapod/core.so $(BINDINGS) $(B)/liblunapod.a $(THIRD_LIBS)
rock-install:
	install -d $(INST_LIBDIR)/lunapod $(INST_LUADIR) $(INST_BINDIR)
	install -m 755 $(B)/rock/lunapod/core.so $(INST_LIBDIR)/lunapod/core.so
	cp -R scripts/lunapod $(INST_LUADIR)/
# LuaRocks keeps the program in TREE/lib/luarocks/… and runs it through a wrapper: the tree is what its own path begins with.
	sed -e '1s|.*|#!/usr/bin/env lua|' \
	  -e 's|^local share, lib = nil.*|local tree, lua = arg[0]:match("^(.*)/lib/luarocks/") or ".", "/lua/" .. _VERSION:match("%d.%d")\nlocal share, lib = tree .. "/share" .. lua, tree .. "/lib" .. lua|' \
	  scripts/bin/lunapod >$(INST_BINDIR)/lunapod
	chmod 755 $(INST_BINDIR)/lunapod

rock: packages ## luarocks make (offline) and make install, each into a scratch tree; use what they installed
	@status=0; tests/rock $(B)-rock || status=1; tests/install $(B)-install || status=1; exit $$status

# ---- demo, benchmarks, housekeeping ----
.PHONY: demo bench clean
demo: packages modules ## start a one-node Kubernetes and run the examples on it
	@tests/demo

bench: packages modules ## costs side by side with peers; a table and JSON
	@B=$(abspath $(B)) tests/bench/run

clean: ## remove what was built
	rm -rf $(B) $(B)-lint $(B)-asan $(B)-rock $(B)-install

-include $(shell find $(B) -name '*.d' 2>/dev/null)
