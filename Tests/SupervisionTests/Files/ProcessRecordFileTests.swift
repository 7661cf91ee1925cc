import Foundation
import Testing

@testable import Supervision

@Suite("What must be known of a process if the controller dies")
struct ProcessRecordFileTests {
    private let folder: TemporaryFolder
    private let directory: RunDirectory
    private let lock: RunDirectoryLock

    init() throws {
        folder = try TemporaryFolder()
        directory = RunDirectory(path: folder.file("run"))
        lock = try directory.open()
    }

    private func record(
        _ process: String, pid: Int? = nil, startTime: UInt64? = nil, names: [String] = []
    ) -> ProcessRecordFile {
        ProcessRecordFile(process: process, role: "core", pid: pid, startTime: startTime, names: names)
    }

    @Test("What was written is read, the last of it")
    func roundTrip() throws {
        try record("p-1").write(in: directory)
        let known = record("p-1", pid: 12, startTime: .max, names: ["/a b", "/ü"])
        try known.write(in: directory)
        try record("p-2").write(in: directory)
        let (records, damaged) = try ProcessRecordFile.all(in: directory)
        #expect(records == [known, record("p-2")])
        #expect(damaged.isEmpty)
    }

    @Test("A sweep removes files, folders and the record; what is missing is fine")
    func sweep() throws {
        try folder.makeFolder("run/t/5-p-1/deep")
        try folder.write("run/t/5-p-1/deep/file", "x")
        try folder.write("run/f/e-1.sock", "")
        let record = record(
            "p-1", names: [folder.file("missing/too"), folder.file("run/t/5-p-1"), folder.file("run/f/e-1.sock")])
        try record.write(in: directory)
        try record.sweep(in: directory)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("run/t")).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("run/f")).isEmpty)
        #expect(try ProcessRecordFile.all(in: directory).records.isEmpty)
        // A second time, as after a crash in the first.
        #expect(throws: Never.self) { try record.sweep(in: directory) }
    }

    @Test("A link is removed, and not what it leads to")
    func links() throws {
        try folder.write("precious", "x")
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("run/t/link"), withDestinationPath: folder.file("precious"))
        try record("p-1", names: [folder.file("run/t/link")]).sweep(in: directory)
        #expect(exists(folder.file("precious")))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("run/t")).isEmpty)
    }

    @Test("A name that cannot be removed keeps the record")
    func undeletable() throws {
        // Not even root may.
        let record = record("p-1", names: ["/proc/self/status"])
        try record.write(in: directory)
        #expect(throws: (any Error).self) { try record.sweep(in: directory) }
        #expect(try ProcessRecordFile.all(in: directory).records == [record])
    }

    @Test("What is no record is told apart: damaged ones, and what an interrupted write left")
    func damaged() throws {
        try record("p-1").write(in: directory)
        try folder.write("run/processes/.dat.nosync1", "x")
        try folder.write("run/processes/p-2.json", "")
        try folder.write("run/processes/p-3.json", #"{"process": "p-3"}"#)
        try folder.write("run/processes/p-4.json", [0xff])
        try folder.makeFolder("run/processes/p-5.json")
        let (records, damaged) = try ProcessRecordFile.all(in: directory)
        #expect(records == [record("p-1")])
        #expect(
            damaged
                == [".dat.nosync1", "p-2.json", "p-3.json", "p-4.json", "p-5.json"]
                .map { folder.file("run/processes/\($0)") })
    }
}
