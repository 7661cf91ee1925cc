import Foundation

/// Everything that a run found out; written as JSON.
package protocol BenchmarkReport {
    associatedtype Document: Encodable

    /// What the names of its files begin with.
    static var name: String { get }
    var date: Date { get }
    /// The report and what follows from it.
    var document: Document { get }
    /// The tables that a run prints.
    var tables: String { get }
    /// What has to be reached, as far as it was measured.
    var bars: [Bar] { get }
    /// What was still running when everything had been ended.
    var leftovers: Int { get set }
    /// Why the run did not come to its end.
    var failure: String? { get set }
}

extension BenchmarkReport {
    /// - Returns: the path of the file.
    package func write(to folder: String) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let time = date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        let path = "\(folder)/\(Self.name)-\(time).json"
        try encoder.encode(document).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Of a run that has ended, whatever it measured.
    package var leftoversBar: Bar { Bar("processes left over", Double(leftovers), .atMost, 0, "") }

    /// What was reached and what was not.
    package var barTable: String {
        var table = TextTable(["To be reached", "measured", "wanted", ""])
        for bar in bars {
            table.add([
                bar.name, TextTable.number(bar.measured, digits: 3),
                "\(bar.direction.rawValue) \(TextTable.number(bar.limit, digits: 2)) \(bar.unit)",
                bar.isMet ? "met" : "MISSED",
            ])
        }
        return table.text
    }
}
