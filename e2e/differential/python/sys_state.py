import sys

skip = {"path_importer_cache", "modules", "stdlib_module_names", "meta_path", "path_hooks", "__interactivehook__"}
for name in sorted(vars(sys)):
    if name not in skip:
        print(name, vars(sys)[name])
