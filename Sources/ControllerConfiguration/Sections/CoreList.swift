/// Processor numbers, as `"0-1,4"` or as a list.
enum CoreList {
    private static let highest = 8_191

    /// Ascending; nil, and a mistake noted, if there is none, one twice, or one that is no processor number.
    static func read(_ reader: NodeReader) -> [Int]? {
        guard let parts = parts(reader) else { return nil }
        var cores: Set<Int> = []
        for part in parts {
            guard let range = range(part) else {
                reader.refuse(
                    "\(reader.setting) has '\(part)' in it, which is no processor number and no range of them",
                    "write cores as in \"0-1,4\" or [0, 1, 4], from 0 to \(highest)")
                return nil
            }
            for core in range where !cores.insert(core).inserted {
                reader.refuse("\(reader.setting) names core \(core) twice", "name each core once")
                return nil
            }
        }
        guard !cores.isEmpty else {
            reader.refuse(
                "\(reader.setting) names no core", "leave it out for all cores, or write cores as in \"0-1,4\"")
            return nil
        }
        return cores.sorted()
    }

    private static func parts(_ reader: NodeReader) -> [String]? {
        guard reader.node.sequence != nil else {
            return reader.text()?.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        return reader.list(of: "cores")?.compactMap { $0.text() }
    }

    private static func range(_ part: String) -> ClosedRange<Int>? {
        guard let match = part.wholeMatch(of: /\s*([0-9]{1,4})(?:\s*-\s*([0-9]{1,4}))?\s*/), let first = Int(match.1)
        else { return nil }
        let last = match.2.flatMap { Int($0) } ?? first
        return first <= last && last <= highest ? first...last : nil
    }
}
