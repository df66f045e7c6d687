import ctypes
import faulthandler

print(faulthandler.is_enabled(), flush=True)
ctypes.string_at(0)
