/// One stage of a `Server-Timing` header.
package struct TimedStage: Codable, Equatable {
    package let stage: String
    package let milliseconds: Double

    enum CodingKeys: String, CodingKey {
        case stage
        case milliseconds = "ms"
    }

    /// `queue;dur=12.3, lease;dur=4.0`; what has no duration is left out.
    package static func parse(_ header: String) -> [TimedStage] {
        header.split(separator: ",").compactMap { metric in
            let parts = metric.split(separator: ";").map { $0.trimming(while: { $0 == " " }) }
            guard let name = parts.first, let duration = parts.dropFirst().first(where: { $0.hasPrefix("dur=") }),
                let milliseconds = Double(duration.dropFirst(4))
            else { return nil }
            return TimedStage(stage: String(name), milliseconds: milliseconds)
        }
    }
}

extension Substring {
    fileprivate func trimming(while isTrimmed: (Character) -> Bool) -> Substring {
        var trimmed = drop(while: isTrimmed)
        while let last = trimmed.last, isTrimmed(last) { trimmed.removeLast() }
        return trimmed
    }
}
