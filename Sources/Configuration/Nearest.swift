// SPDX-License-Identifier: Apache-2.0

/// The candidate that `word` was most likely meant to be; nil where none is near.
///
/// Near means at most a third of the word's letters inserted, dropped, replaced or swapped with a neighbour.
package func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let limit = max(1, min(word.count, 32) / 3)
    return candidates.map { (name: $0, distance: editDistance(word, $0)) }
        .filter { $0.distance <= limit }
        .min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
}

/// The number of insertions, deletions, replacements and swaps of neighbours between two words (optimal string
/// alignment). Words are cut at 64 characters.
func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.lowercased().prefix(64))
    let b = Array(b.lowercased().prefix(64))
    var older: [Int] = []
    var previous = Array(0...b.count)
    for (row, letter) in a.enumerated() {
        var current = [row + 1]
        for (column, other) in b.enumerated() {
            var best = min(previous[column + 1] + 1, current[column] + 1, previous[column] + (letter == other ? 0 : 1))
            if row > 0, column > 0, letter == b[column - 1], a[row - 1] == other {
                best = min(best, older[column - 1] + 1)
            }
            current.append(best)
        }
        older = previous
        previous = current
    }
    return previous[b.count]
}
