import Yams

extension NodeReader {
    /// Text as it was written, a plain number or `true` too.
    ///
    /// - Parameter mayBeEmpty: whether `""` will do.
    func text(mayBeEmpty: Bool = false) -> String? {
        guard case .scalar(let scalar) = node, !isNull, mayBeEmpty || !scalar.string.isEmpty else {
            refuse(expected: mayBeEmpty ? "a text, \"\" for an empty one" : "a text")
            return nil
        }
        // No process can be given one in an argument, a path or its environment.
        guard !scalar.string.contains("\0") else {
            refuse("\(name) has a NUL character in it", "remove it")
            return nil
        }
        return scalar.string
    }

    func boolean() -> Bool? {
        guard let value = plainText.flatMap(PlainWord.boolean) else {
            refuse(expected: "true or false")
            return nil
        }
        return value
    }

    func integer(in range: ClosedRange<Int>) -> Int? {
        guard let value = plainText.flatMap({ Int($0) }), range.contains(value) else {
            refuse(expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    /// A size in bytes, at least 1.
    func size() -> Int? {
        guard case .scalar(let scalar) = node, let bytes = ByteSize.bytes(scalar.string), bytes > 0 else {
            refuse(expected: "a size above zero as in 256MiB, 1.5GiB, 4GB, 500kB, or a number of bytes")
            return nil
        }
        return bytes
    }

    /// A duration, zero included.
    func duration() -> Duration? {
        guard case .scalar(let scalar) = node, let duration = TimeSpan.duration(scalar.string) else {
            refuse(expected: "a duration of at most 8760h as in 300s, 10m, 500ms or 1h")
            return nil
        }
        return duration
    }

    /// A duration of at least a millisecond.
    func positiveDuration() -> Duration? {
        guard let duration = duration() else { return nil }
        guard duration > .zero else {
            refuse(expected: "a duration above zero as in 300s")
            return nil
        }
        return duration
    }

    /// One of the words of an enumeration.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_: Choice.Type) -> Choice? {
        guard let choice = plainText.flatMap(Choice.init(rawValue:)) else {
            refuse(expected: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
            return nil
        }
        return choice
    }
}
