import Foundation
import Scheduling

/// What must be known of a process if this controller dies: whom to end, and which names to remove. Written before
/// any of the names can exist.
struct ProcessRecordFile: Codable, Equatable {
    var process: String
    var role: String
    /// Absent until the process exists.
    var pid: Int?
    /// The kernel's start time of that pid, in clock ticks since boot: tells it from a later process of the same pid.
    var startTime: UInt64?
    /// Files and folders to remove when the process is gone.
    var names: [String]

    enum CodingKeys: String, CodingKey {
        case process, role, pid, names
        case startTime = "start_time"
    }

    func file(in directory: RunDirectory) -> String { "\(directory.records)/\(process).json" }

    func write(in directory: RunDirectory) throws {
        // Renamed into place, but not synced: it guards against the controller's death, and after the machine's there is no
        // process left to end.
        try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: file(in: directory)), options: .atomic)
    }

    /// Removes the names, then the record.
    func sweep(in directory: RunDirectory) throws {
        for name in names + [file(in: directory)] {
            do {
                try FileManager.default.removeItem(atPath: name)
            } catch CocoaError.fileNoSuchFile {
                continue
            }
        }
    }

    /// - Returns: the records, and the files that should hold one and do not, those of interrupted writes included.
    static func all(in directory: RunDirectory) throws -> (records: [ProcessRecordFile], damaged: [String]) {
        var records: [ProcessRecordFile] = []
        var damaged: [String] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: directory.records).sorted() {
            let file = "\(directory.records)/\(name)"
            if name.hasSuffix(".json"), let data = FileManager.default.contents(atPath: file),
                let record = try? JSONDecoder().decode(ProcessRecordFile.self, from: data)
            {
                records.append(record)
            } else {
                damaged.append(file)
            }
        }
        return (records, damaged)
    }
}
