import Scheduling

/// The `Server-Timing` header: `queue;dur=0.1, load;dur=812.5;desc="weights"`.
enum ServerTiming {
    /// The stages that have a duration, in the order of the header.
    static func stages(in header: String) -> [StageTime] {
        split(header, at: ",").compactMap { metric in
            let parts = split(metric, at: ";").map(trimmed)
            guard let name = parts.first, !name.isEmpty else { return nil }
            for part in parts.dropFirst() {
                let pair = part.split(separator: "=", maxSplits: 1).map { trimmed(String($0)) }
                if pair.count == 2, pair[0].lowercased() == "dur", let milliseconds = Double(unquoted(pair[1])) {
                    return StageTime(stage: name, milliseconds: milliseconds)
                }
            }
            return nil
        }
    }

    /// A separator inside quotes separates nothing.
    private static func split(_ text: String, at separator: Character) -> [String] {
        var parts = [""]
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if character == separator, !isQuoted {
                parts.append("")
                continue
            }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            isEscaped = isQuoted && character == "\\" && !isEscaped
            parts[parts.count - 1].append(character)
        }
        return parts
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }

    private static func unquoted(_ text: String) -> String {
        text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
    }
}
