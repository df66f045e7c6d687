import resource

for name in ("CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "STACK"):
    print(name, resource.getrlimit(getattr(resource, f"RLIMIT_{name}")))
print(open("/proc/self/comm").read().strip(), open("/proc/self/status").read().count("Threads:\t1"))
