// A g++ plugin for building precompiled headers: `#pragma executor instantiate` at the end of a header instantiates the
// templates that the header uses. Without it, every program that includes the header instantiates them again.
#include "gcc-plugin.h"

#include "tree.h"
#include "c-family/c-pragma.h"
#include "cp/cp-tree.h"
#include "plugin-version.h"

int plugin_is_GPL_compatible;

static void instantiate(cpp_reader*) {
    instantiate_pending_templates(0);
}

static void add_pragma(void*, void*) {
    c_register_pragma("executor", "instantiate", instantiate);
}

int plugin_init(plugin_name_args* info, plugin_gcc_version* version) {
    if (!plugin_default_version_check(version, &gcc_version)) return 1;
    register_callback(info->base_name, PLUGIN_PRAGMAS, add_pragma, nullptr);
    return 0;
}
