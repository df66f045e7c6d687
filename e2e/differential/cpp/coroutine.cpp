#include <coroutine>
#include <iostream>
#include <utility>

struct Numbers {
    struct promise_type {
        int value = 0;
        Numbers get_return_object() { return Numbers{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(int number) { value = number; return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }
    };
    std::coroutine_handle<promise_type> handle;
    explicit Numbers(std::coroutine_handle<promise_type> handle) : handle(handle) {}
    Numbers(const Numbers&) = delete;
    ~Numbers() { handle.destroy(); }
};

Numbers fibonacci(int most) {
    for (int a = 0, b = 1; a < most; a = std::exchange(b, a + b)) co_yield a;
}

int main() {
    for (Numbers numbers = fibonacci(50); numbers.handle.resume(), !numbers.handle.done();)
        std::cout << numbers.handle.promise().value << ' ';
    std::cout << '\n';
}
