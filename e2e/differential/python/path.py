import sys

print(sys.path)
print(sorted(key for key in sys.path_importer_cache))
print([type(hook).__name__ for hook in sys.path_hooks], len(sys.meta_path))
print(sys.prefix, sys.exec_prefix, sys.base_prefix, sys.platlibdir)
