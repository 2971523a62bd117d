# SPDX-License-Identifier: GPL-2.0-or-later
# The nbdkit plugin: the serving engine, position-independent. It is made where nbdkit's headers are.

NBDKIT_SRC := $(wildcard mkimage/nbdkit/*.c) $(SERVE_SRC)
NBDKIT_OBJ := $(NBDKIT_SRC:mkimage/%.c=$(B)/nbdkit/%.o) $(CORE_SRC:stage2/core/%.c=$(B)/nbdkit/core/%.o)
NBDKIT_SO  := $(B)/nbdkit-vhdboot-plugin.so

$(B)/nbdkit/%.o: mkimage/%.c VERSION
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(MKIMAGE_CFLAGS) -fPIC -fvisibility=hidden -c $< -o $@

# nbdkit looks for plugin_init in it.
$(B)/nbdkit/nbdkit/plugin.o: mkimage/nbdkit/plugin.c VERSION
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(MKIMAGE_CFLAGS) -fPIC -c $< -o $@

$(B)/nbdkit/core/%.o: stage2/core/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(CORE_CFLAGS) -O2 -g -fPIC -fvisibility=hidden -c $< -o $@

# Only nbdkit's own functions may be missing: what else is would be found when the plugin is loaded.
$(NBDKIT_SO): $(NBDKIT_OBJ)
	$(call run,LD)$(CC) -shared $(LDFLAGS) $^ -o $@
	@! nm -D --undefined-only $@ | grep -vE ' U (nbdkit_|.*@GLIBC)| w ' || { rm -f $@; exit 1; }

ifneq ($(wildcard /usr/include/nbdkit-plugin.h),)
all: $(NBDKIT_SO)
endif
