/// Columns of text, as wide as they need to be.
struct TextTable {
    struct Column {
        let title: String
        /// Numbers stand under each other.
        let isNumber: Bool

        static func text(_ title: String) -> Column { Column(title: title, isNumber: false) }
        static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
    }

    private let columns: [Column]
    private var rows: [[String]]

    init(_ columns: [Column]) {
        self.columns = columns
        rows = [columns.map(\.title)]
    }

    /// - Parameter cells: one for each column, in their order.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "a row has a cell for each column")
        // A cell is one line: errors may have several.
        rows.append(cells.map { String($0.prefix { !$0.isNewline }) })
    }

    /// Titles and rows, without a line break at the end.
    var text: String {
        let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let line = zip(row, zip(columns, widths)).map { cell, layout in
                let (column, width) = layout
                let padding = String(repeating: " ", count: width - cell.count)
                return column.isNumber ? padding + cell : cell + padding
            }.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
