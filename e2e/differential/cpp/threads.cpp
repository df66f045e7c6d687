#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <iostream>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

int main() {
    std::atomic<long> sum = 0;
    std::mutex lock;
    std::condition_variable changed;
    int turn = 0;
    std::vector<std::jthread> threads;
    for (int me = 0; me < 4; ++me)
        threads.emplace_back([&, me] {
            for (int i = 0; i < 1000; ++i) sum += i;
            std::unique_lock held(lock);
            changed.wait(held, [&] { return turn == me; });
            std::cout << me;
            ++turn;
            changed.notify_all();
        });
    threads.clear();
    auto later = std::async(std::launch::async, [] { return std::chrono::milliseconds(1500) / std::chrono::seconds(1); });
    std::cout << ' ' << sum << ' ' << later.get() << std::endl;
    std::once_flag once;
    for (int i = 0; i < 3; ++i) std::call_once(once, [] { std::cout << "once\n"; });
}
