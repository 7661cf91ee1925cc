/// Columns of text: the first to the left, the others to the right.
package struct TextTable {
    private var rows: [[String]]

    package init(_ header: [String]) { rows = [header] }

    package mutating func add(_ row: [String]) { rows.append(row) }

    /// A row of samples: their number, median, p90, least and most; nothing without samples.
    package mutating func add(_ name: String, _ samples: [Double], digits: Int = 1) {
        guard let summary = Summary(samples) else { return }
        let values = [summary.median, summary.p90, summary.minimum, summary.maximum]
        add([name, String(summary.count)] + values.map { Self.number($0, digits: digits) })
    }

    package static let sampleColumns = ["n", "median", "p90", "least", "most"]

    package static func number(_ value: Double, digits: Int) -> String {
        value.formatted(
            .number.precision(.fractionLength(digits)).grouping(.never).locale(.init(identifier: "en_US_POSIX")))
    }

    /// The ends of an interval.
    package static func ends(_ interval: RatioInterval?, digits: Int) -> String {
        guard let interval else { return "-" }
        return [interval.lower, interval.upper].map { number($0, digits: digits) }.joined(separator: " to ")
    }

    package var isEmpty: Bool { rows.count == 1 }

    package var text: String {
        let widths = rows.reduce(into: [Int]()) { widths, row in
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
