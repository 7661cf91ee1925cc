/// A number and its unit, as in `1.5GiB`. Never negative.
struct Quantity {
    let number: Double
    /// The number, where it has no fraction: exact also beyond what a `Double` can hold.
    let whole: Int?
    /// As written; empty where there is none.
    let unit: String

    init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let first = digits.first, first != ".", digits.last != ".", let number = Double(digits) else {
            return nil
        }
        self.number = number
        whole = Int(digits)
        unit = String(text.dropFirst(digits.count).drop { $0 == " " })
    }

    /// The number times `factor`, rounded; nil if that does not fit.
    func times(_ factor: Int) -> Int? {
        if let whole {
            let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return Int(exactly: (number * Double(factor)).rounded())
    }
}

/// Sizes in bytes.
enum ByteSize {
    private static let units = [
        "": 1, "B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]

    static func bytes(_ text: String) -> Int? {
        guard let quantity = Quantity(text), let factor = units[quantity.unit] else { return nil }
        // Half a byte is a mistake; half a GiB is not.
        guard factor > 1 || quantity.whole != nil else { return nil }
        return quantity.times(factor)
    }
}

/// Durations, exact to the millisecond.
enum TimeSpan {
    private static let milliseconds = ["ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000]
    /// One year: sums of moments and durations stay far from the end of a 64-bit nanosecond clock.
    private static let longest = 8_760 * 3_600_000

    static func duration(_ text: String) -> Duration? {
        guard let quantity = Quantity(text), let factor = milliseconds[quantity.unit],
            let value = quantity.times(factor), value <= longest
        else { return nil }
        return .milliseconds(value)
    }
}
