/// Finds what somebody who mistyped a word probably meant.
enum NearestWord {
    /// The candidate with the fewest edits between it and `word`; nil if none is near enough to be worth telling.
    static func find(_ word: String, in candidates: [String]) -> String? {
        let near = candidates.sorted().map { (word: $0, distance: distance(word, $0)) }
            .min { $0.distance < $1.distance }
        guard let near, near.distance <= max(2, word.count / 3), near.distance < near.word.count else { return nil }
        return near.word
    }

    /// Levenshtein's distance, upper and lower case, dashes and underscores being the same.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(folded(left)), right = Array(folded(right))
        var row = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let substituted = diagonal + (character == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j + 1] + 1, row[j] + 1)
            }
        }
        return row[right.count]
    }

    private static func folded(_ word: String) -> String {
        String(word.lowercased().map { $0 == "-" ? "_" : $0 })
    }
}
