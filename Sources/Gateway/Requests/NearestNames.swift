/// What somebody may have meant who asked for a name that does not exist.
enum NearestNames {
    /// The names closest to `wanted`, best first; case makes no difference, and a name that begins with the other counts.
    /// Names that are nothing like it are left out.
    static func of(_ wanted: String, among names: some Sequence<String>, limit: Int = 3) -> [String] {
        let wantedBytes = folded(wanted)
        let tolerance = max(2, wantedBytes.count / 3)
        return
            names
            .compactMap { name -> (rank: Int, distance: Int, name: String)? in
                let bytes = folded(name)
                let isPrefix =
                    !wantedBytes.isEmpty && !bytes.isEmpty
                    && (bytes.starts(with: wantedBytes) || wantedBytes.starts(with: bytes))
                let distance = distance(wantedBytes, bytes)
                guard isPrefix || distance <= tolerance else { return nil }
                return (min(distance, tolerance), distance, name)
            }
            .sorted { $0 < $1 }
            .prefix(limit)
            .map(\.name)
    }

    private static func folded(_ name: String) -> [UInt8] { Array(name.lowercased().utf8) }

    /// Levenshtein's: how many bytes must be put in, taken out or changed.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var previous = Array(0...right.count)
        var current = previous
        for (row, byte) in left.enumerated() {
            current[0] = row + 1
            for (column, other) in right.enumerated() {
                let change = previous[column] + (byte == other ? 0 : 1)
                current[column + 1] = min(change, previous[column + 1] + 1, current[column] + 1)
            }
            swap(&previous, &current)
        }
        return previous[right.count]
    }
}
