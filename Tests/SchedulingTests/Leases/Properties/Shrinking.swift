/// Makes a failing sequence small.
enum Shrinking {
    /// Drops what is not needed for the failure: large pieces first, then single elements, until none can be spared.
    static func shrink<Element>(_ elements: [Element], while fails: ([Element]) -> Bool) -> [Element] {
        var kept = elements
        var size = max(1, kept.count / 2)
        while true {
            var hasShrunk = false
            var start = 0
            while start < kept.count {
                var candidate = kept
                candidate.removeSubrange(start..<min(start + size, kept.count))
                if fails(candidate) {
                    kept = candidate
                    hasShrunk = true
                } else {
                    start += size
                }
            }
            if size > 1 { size /= 2 } else if !hasShrunk { return kept }
        }
    }
}
