#include <iostream>
#include <memory>
struct Pure {
    virtual ~Pure() = default;
    virtual void deed() const noexcept { throw 1; }
};
int main(int count, char** words) {
    for (int i = 1; i < count; ++i) std::cerr << words[i] << '\n';
    std::unique_ptr<Pure> pure = std::make_unique<Pure>();
    pure->deed();
}
