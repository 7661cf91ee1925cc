import Yams

/// One value of the file together with what must be said about it when it is wrong: its name and its line.
///
/// Every reading method notes a mistake and answers nil where the value is not what it should be, so that reading goes
/// on and finds the next one.
struct NodeReader {
    let node: Node
    /// Its full name, as in `limits.queue`; empty for the whole file.
    let setting: String
    /// Where its key stands (the value itself in a list).
    let line: Int?
    let diagnostics: Diagnostics

    func refuse(_ problem: String, _ remedy: String) {
        diagnostics.report(line, problem, remedy)
    }

    /// Notes that the value is not what the setting takes.
    func refuse(expected: String) {
        refuse("\(name) is \(kind)", "write \(expected)")
    }

    var name: String { setting.isEmpty ? "the file" : setting }

    var isNull: Bool { plainText.map { ["", "~", "null", "Null", "NULL"].contains($0) } ?? false }

    /// What was written, where it is a word or a number without quotes.
    var plainText: String? {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return nil }
        return scalar.string
    }

    private var kind: String {
        switch node {
        case .scalar(let scalar):
            isNull ? "empty" : scalar.style == .plain ? "'\(scalar.string)'" : "\"\(scalar.string)\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .alias: "an alias"
        }
    }
}
