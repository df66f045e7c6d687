// All containers and most algorithms at once.
#include <bits/stdc++.h>
using namespace std;

template <typename T>
string shown(const T& all) {
    ostringstream out;
    for (const auto& one : all) out << one << ',';
    return out.str();
}

int main() {
    vector<int> v(20);
    iota(v.begin(), v.end(), -5);
    shuffle(v.begin(), v.end(), mt19937{7});
    cout << shown(v) << '\n';
    nth_element(v.begin(), v.begin() + 5, v.end());
    cout << v[5] << '\n';
    stable_sort(v.begin(), v.end(), greater<>{});
    list<int> l(v.begin(), v.end());
    l.sort();
    l.remove_if([](int n) { return n % 2; });
    deque<string> d;
    for (int n : l) d.push_front(to_string(n));
    set<string> s(d.begin(), d.end());
    multimap<int, char> m{{2, 'b'}, {1, 'a'}, {2, 'c'}};
    priority_queue<int, vector<int>, greater<>> q(greater<>{}, v);
    bitset<70> bits("1011");
    forward_list<double> f{1.5, 2.5};
    unordered_map<string, int> u;
    for (const string& word : s) u[word]++;
    array<int, 4> a{4, 3, 2, 1};
    ranges::sort(a);
    cout << shown(l) << shown(d) << shown(s) << q.top() << bits << shown(f) << u.size() << shown(a) << m.count(2) << '\n';
    cout << shown(v | views::take(3)) << ranges::count_if(v, [](int n) { return n > 3; }) << '\n';
    string text = "the quick brown fox";
    regex word("\\w+");
    for (sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at) cout << at->str() << '|';
    cout << regex_replace(text, regex("[aeiou]"), "*") << ' ' << hex << setw(8) << setfill('0') << 48879 << '\n';
    next_permutation(a.begin(), a.end());
    auto [low, high] = minmax_element(a.begin(), a.end());
    cout << dec << *low << *high << shown(a) << gcd(12, 18) << lcm(4, 6) << clamp(9, 1, 5) << '\n';
    stringstream numbers("1 2 x 3");
    int n, sum = 0;
    while (numbers >> n) sum += n;
    cout << sum << numbers.fail() << numbers.eof() << '\n';
}
