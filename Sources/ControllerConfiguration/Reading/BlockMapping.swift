import Yams

/// The lines of a mapping in block style, found in the text by its indentation alone.
///
/// Yams tells of keys given twice only the first place of the first one, and gives no nodes to look at.
struct BlockMapping {
    private let lines: [Substring]
    private let column: Int
    private let range: Range<Int>

    /// - Parameter mark: where one of its keys stands.
    init(around mark: Mark, in text: String) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let column = max(mark.column - 1, 0)
        let line = min(max(mark.line - 1, 0), lines.count - 1)
        func isOutside(_ line: Substring) -> Bool {
            let content = line.drop { $0 == " " }
            return !content.isEmpty && content.first != "#" && line.count - content.count < column
        }
        // With something before the key on its line, as the dash of a list, the mapping begins there.
        let start = isOutside(lines[line]) ? line : lines[..<line].lastIndex(where: isOutside).map { $0 + 1 } ?? 0
        range = start..<(lines[(line + 1)...].firstIndex(where: isOutside) ?? lines.count)
        self.lines = lines
        self.column = column
    }

    /// Where the key stands, counted from 1.
    func lines(of key: String) -> [Int] {
        range.filter { index in
            let isFirst = index == range.lowerBound
            guard isFirst || lines[index].prefix(column).allSatisfy({ $0 == " " }) else { return false }
            let text = lines[index].dropFirst(column)
            return [key, "'\(key)'", "\"\(key)\""].contains { spelling in
                text.hasPrefix(spelling) && text.dropFirst(spelling.count).drop { $0 == " " }.first == ":"
            }
        }
        .map { $0 + 1 }
    }
}
