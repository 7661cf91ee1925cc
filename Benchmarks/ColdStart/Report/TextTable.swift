/// Columns of text: the first to the left, the others to the right.
struct TextTable {
    private var rows: [[String]]

    init(_ header: [String]) { rows = [header] }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// A row of samples: their number, median, p90, least and most; nothing without samples.
    mutating func add(_ name: String, _ samples: [Double], digits: Int = 1) {
        guard let summary = Summary(samples) else { return }
        let values = [summary.median, summary.p90, summary.minimum, summary.maximum]
        add([name, String(summary.count)] + values.map { Self.number($0, digits: digits) })
    }

    static let sampleColumns = ["n", "median", "p90", "least", "most"]

    static func number(_ value: Double, digits: Int) -> String {
        value.formatted(
            .number.precision(.fractionLength(digits)).grouping(.never).locale(.init(identifier: "en_US_POSIX")))
    }

    var isEmpty: Bool { rows.count == 1 }

    var text: String {
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
