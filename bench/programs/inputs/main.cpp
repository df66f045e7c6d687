// Shortest paths, connected components and a minimum spanning tree of a random graph. The input has its size and the seed.
#include <bits/stdc++.h>
using namespace std;

struct Edge {
    int from, to;
    long long length;
};

class Graph {
public:
    Graph(int size, unsigned seed) : neighbours(size) {
        mt19937 random(seed);
        for (int edge = 0; edge < 3 * size; edge++) {
            int from = random() % size, to = random() % size;
            long long length = 1 + random() % 1000;
            edges.push_back({from, to, length});
            neighbours[from].push_back({to, length});
            neighbours[to].push_back({from, length});
        }
    }

    vector<long long> distances(int start) const {
        vector<long long> distance(neighbours.size(), LLONG_MAX);
        priority_queue<pair<long long, int>, vector<pair<long long, int>>, greater<>> queue;
        distance[start] = 0;
        queue.push({0, start});
        while (!queue.empty()) {
            auto [reached, node] = queue.top();
            queue.pop();
            if (reached > distance[node]) continue;
            for (auto [next, length] : neighbours[node]) {
                if (reached + length < distance[next]) {
                    distance[next] = reached + length;
                    queue.push({distance[next], next});
                }
            }
        }
        return distance;
    }

    long long spanning_tree() const {
        vector<int> parent(neighbours.size());
        iota(parent.begin(), parent.end(), 0);
        function<int(int)> root = [&](int node) {
            return parent[node] == node ? node : parent[node] = root(parent[node]);
        };
        auto sorted = edges;
        sort(sorted.begin(), sorted.end(), [](const Edge& a, const Edge& b) { return a.length < b.length; });
        long long total = 0;
        for (const auto& [from, to, length] : sorted) {
            int a = root(from), b = root(to);
            if (a != b) {
                parent[a] = b;
                total += length;
            }
        }
        return total;
    }

    map<int, int> component_sizes() const {
        vector<bool> seen(neighbours.size());
        map<int, int> sizes;
        for (size_t start = 0; start < neighbours.size(); start++) {
            if (seen[start]) continue;
            deque<int> queue{static_cast<int>(start)};
            seen[start] = true;
            int size = 0;
            while (!queue.empty()) {
                int node = queue.front();
                queue.pop_front();
                size++;
                for (auto [next, length] : neighbours[node]) {
                    if (!seen[next]) {
                        seen[next] = true;
                        queue.push_back(next);
                    }
                }
            }
            sizes[size]++;
        }
        return sizes;
    }

private:
    vector<vector<pair<int, long long>>> neighbours;
    vector<Edge> edges;
};

int main() {
    int size;
    unsigned seed;
    cin >> size >> seed;
    Graph graph(size, seed);
    auto distances = graph.distances(0);
    auto reached = partition(distances.begin(), distances.end(), [](long long d) { return d < LLONG_MAX; });
    cout << "reached " << reached - distances.begin() << ", farthest "
         << *max_element(distances.begin(), reached) << '\n';
    cout << "tree " << graph.spanning_tree() << '\n';
    for (auto [nodes, count] : graph.component_sizes()) cout << count << " of " << nodes << '\n';
}
