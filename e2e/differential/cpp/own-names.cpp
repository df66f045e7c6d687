// Names of one's own that the library's headers have too, in the global namespace and after `using namespace std`.
#include <bits/stdc++.h>
using namespace std;

int abs_value(int n) { return n < 0 ? -n : n; }
int y1_of_mine = 4;
struct list_node {
    int value;
    list_node* next;
};
template <typename T>
T maximum(T one, T other) { return one > other ? one : other; }
namespace rank_of_mine { int rank = 3, prev = 5, next = 6, data = 7; }
int gcd_of_mine(int a, int b) { return b ? gcd_of_mine(b, a % b) : a; }

int main() {
    int count = 1, distance = 2, begin = 3, end = 4, left = 5, right = 6, hash = 7;
    list_node last{2, nullptr}, first{1, &last};
    cout << count + distance + begin + end + left + right + hash << first.next->value << maximum("a"s, "b"s)
         << rank_of_mine::rank + rank_of_mine::prev + rank_of_mine::next + rank_of_mine::data << gcd_of_mine(12, 18)
         << abs_value(-3) << y1_of_mine << endl;
}
