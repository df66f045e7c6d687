extern "C" int puts(const char*);
template <typename T, T... numbers>
struct sum { static constexpr T value = (numbers + ... + 0); };
int main() { return puts("nothing is included") < 0 || sum<int, 1, 2, 3>::value != 6; }
