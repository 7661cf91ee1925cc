import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("The fingerprint of a model folder")
struct ModelFingerprintTests {
    private let folder: TemporaryFolder
    private let model: String

    init() throws {
        folder = try TemporaryFolder()
        model = try folder.makeFolder("model")
        try folder.write("model/config.json", "{}")
        try folder.write("model/model.bin", "weights")
        try folder.makeFolder("model/code")
        try folder.write("model/code/model.py", "pass")
    }

    private func fingerprint(contents: Bool = false) throws -> String {
        try ModelFolder.inspect(model, contents: contents).fingerprint
    }

    private func link(_ name: String, to destination: String) throws {
        try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: destination)
    }

    /// Sets modification times, in nanoseconds since 1970.
    private func touch(_ name: String, _ nanoseconds: Int) throws {
        let time = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
        try #require(utimensat(AT_FDCWD, folder.file(name), [time, time], 0) == 0)
    }

    /// Changes what the file holds, and nothing that `stat` would show of it.
    private func overwrite(_ name: String, _ text: String) throws {
        try touch(name, 1_700_000_000_000_000_000)
        let handle = try #require(FileHandle(forWritingAtPath: folder.file(name)))
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
        try touch(name, 1_700_000_000_000_000_000)
    }

    @Test("The same files have the same one, 64 hexadecimal digits", arguments: [false, true])
    func same(contents: Bool) throws {
        let first = try fingerprint(contents: contents)
        #expect(first.wholeMatch(of: /[0-9a-f]{64}/) != nil)
        #expect(try fingerprint(contents: contents) == first)
    }

    @Test("A trailing slash in the path changes nothing")
    func slash() throws {
        #expect(try ModelFolder.inspect(model + "/").fingerprint == fingerprint())
    }

    @Test("A file that was touched, by one nanosecond")
    func touched() throws {
        try touch("model/model.bin", 1_700_000_000_000_000_000)
        let first = try fingerprint()
        try touch("model/model.bin", 1_700_000_000_000_000_001)
        #expect(try fingerprint() != first)
        try touch("model/model.bin", 1_700_000_000_000_000_000)
        #expect(try fingerprint() == first)
    }

    @Test("A file of the same size and time, renamed over the old one: another inode")
    func replaced() throws {
        try touch("model/model.bin", 1_700_000_000_000_000_000)
        let first = try fingerprint()
        try folder.write("new.bin", "WEIGHTS")
        try touch("new.bin", 1_700_000_000_000_000_000)
        try #require(rename(folder.file("new.bin"), folder.file("model/model.bin")) == 0)
        #expect(try fingerprint() != first)
    }

    @Test("A file that was added, renamed, removed, or grew; also in a folder of the folder")
    func changed() throws {
        var seen: Set<String> = [try fingerprint()]
        try folder.write("model/code/extra.py", "")
        seen.insert(try fingerprint())
        try #require(rename(folder.file("model/code/extra.py"), folder.file("model/code/other.py")) == 0)
        seen.insert(try fingerprint())
        let handle = try #require(FileHandle(forWritingAtPath: folder.file("model/code/other.py")))
        try handle.write(contentsOf: Data("more".utf8))
        try handle.close()
        seen.insert(try fingerprint())
        try FileManager.default.removeItem(atPath: folder.file("model/code/model.py"))
        seen.insert(try fingerprint())
        #expect(seen.count == 5)
    }

    @Test("Where files are links, what they lead to counts")
    func links() throws {
        try folder.makeFolder("blobs")
        for blob in ["a", "b"] {
            try folder.write("blobs/\(blob)", "weights")
            try touch("blobs/\(blob)", 1_700_000_000_000_000_000)
        }
        try FileManager.default.removeItem(atPath: folder.file("model/model.bin"))
        try link("model/model.bin", to: "../blobs/a")
        let first = try fingerprint()
        // A link of its own to the same file is no other file.
        try FileManager.default.removeItem(atPath: folder.file("model/model.bin"))
        try link("model/model.bin", to: folder.file("blobs/a"))
        #expect(try fingerprint() == first)
        try FileManager.default.removeItem(atPath: folder.file("model/model.bin"))
        try link("model/model.bin", to: "../blobs/b")
        #expect(try fingerprint() != first)
    }

    @Test("A link to nothing counts once there is something; one that leads back up ends nothing")
    func strangeLinks() throws {
        let first = try fingerprint()
        try link("model/later.json", to: folder.file("later.json"))
        #expect(try fingerprint() == first)
        try folder.write("later.json", "{}")
        let second = try fingerprint()
        #expect(second != first)
        try link("model/code/up", to: model)
        #expect(try fingerprint().count == 64)
    }

    @Test("Contents count only where that is wanted")
    func contents() throws {
        try overwrite("model/model.bin", "WEIGHTS")
        let (facts, bytes) = (try fingerprint(), try fingerprint(contents: true))
        try overwrite("model/model.bin", "another")
        #expect(try fingerprint() == facts)
        #expect(try fingerprint(contents: true) != bytes)
        try overwrite("model/model.bin", "WEIGHTS")
        #expect(try fingerprint(contents: true) == bytes)
        #expect(facts != bytes)
    }

    @Test("Contents of many chunks, with a change at the end")
    func longContents() throws {
        var bytes = [UInt8](repeating: 7, count: (9 << 20) + 3)
        try folder.write("model/model.bin", bytes)
        try touch("model/model.bin", 1_700_000_000_000_000_000)
        let first = try fingerprint(contents: true)
        bytes[bytes.count - 1] = 8
        let handle = try #require(FileHandle(forWritingAtPath: folder.file("model/model.bin")))
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
        try touch("model/model.bin", 1_700_000_000_000_000_000)
        #expect(try fingerprint(contents: true) != first)
    }

    @Test("Reading contents stops when it is cancelled")
    func cancelled() {
        #expect(throws: CancellationError.self) {
            try ModelFolder.inspect(model, contents: true) { true }
        }
        #expect(throws: Never.self) { try ModelFolder.inspect(model) { true } }
    }

    @Test("What is no file is passed over; a pipe is not waited for")
    func noFiles() throws {
        let first = try fingerprint(contents: true)
        try #require(mkfifo(folder.file("model/pipe"), 0o600) == 0)
        try folder.makeFolder("model/empty")
        #expect(try fingerprint(contents: true) == first)
    }

    @Test("More files than any model has are refused with the reason")
    func tooMany() throws {
        for number in 0...ModelFingerprint.mostEntries {
            let descriptor = open(folder.file("model/code/\(number)"), O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
            try #require(descriptor >= 0)
            close(descriptor)
        }
        let error = try #require(throws: ControllerError.self) { try fingerprint() }
        #expect(error.code == .startFailed)
        #expect(error.message.contains("more than 10000 files"))
    }

    @Test("Folders deeper than any model has are refused with the reason")
    func tooDeep() throws {
        let deepest = (0..<ModelFingerprint.deepest).map { "d\($0)" }.joined(separator: "/")
        try folder.makeFolder("model/" + deepest)
        #expect(throws: Never.self) { try fingerprint() }
        try folder.makeFolder("model/\(deepest)/more")
        let error = try #require(throws: ControllerError.self) { try fingerprint() }
        #expect(error.message.contains("folders more than 16 deep"))
    }
}
