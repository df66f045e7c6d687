import runpy
import sys

if __name__ == "__main__":
    result = runpy.run_path(__file__, run_name="again")
    print(sorted(result)[:3], sys.argv)
else:
    print("running as", __name__, __file__)
