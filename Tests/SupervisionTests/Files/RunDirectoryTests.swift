import Foundation
import Logging
import Scheduling
import Testing

@testable import Supervision

@Suite("The run directory and the epoch")
struct RunDirectoryTests {
    private let folder: TemporaryFolder
    private var directory: RunDirectory { RunDirectory(path: folder.file("run")) }

    init() throws { folder = try TemporaryFolder() }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test("Every folder is its owner's alone, also one that was there before")
    func modes() throws {
        try folder.makeFolder("run/logs")
        try #require(chmod(folder.file("run"), 0o755) == 0)
        let lock = try directory.open()
        defer { withExtendedLifetime(lock) {} }
        for name in ["run", "run/logs", "run/processes", "run/t", "run/f"] {
            #expect(try mode(folder.file(name)) == 0o700, "\(name)")
        }
        #expect(try mode(directory.lockFile) == 0o600)
    }

    @Test("A second controller is refused with the pid of the first, and disturbs nothing")
    func conflict() throws {
        let lock = try directory.open()
        defer { withExtendedLifetime(lock) {} }
        try folder.write("run/logs/p-1.log", "mine")
        for _ in 0..<2 {
            let error = try #require(throws: ControllerError.self) { try directory.open() }
            #expect(error.code == .conflict)
            #expect(error.message.hasPrefix("Another controller (pid \(getpid())) uses this run directory."))
        }
        #expect(try folder.read("run/logs/p-1.log") == "mine")
    }

    @Test("The lock ends with its value, and its file names the one who has it")
    func release() throws {
        var lock: RunDirectoryLock? = try directory.open()
        withExtendedLifetime(lock) {}
        lock = nil
        // A longer pid of an earlier life leaves no digits.
        try folder.write("run/controller.lock", "99999999999")
        lock = try directory.open()
        defer { withExtendedLifetime(lock) {} }
        #expect(try folder.read("run/controller.lock") == "\(getpid())")
    }

    @Test("A path that is too long for sockets is refused before anything is made")
    func tooLong() throws {
        let long = folder.file(String(repeating: "x", count: 100))
        let error = try #require(throws: ControllerError.self) { try RunDirectory(path: long).open() }
        #expect(error.code == .badRequest)
        #expect(error.message.contains("run_directory"))
        #expect(!exists(long))
    }

    @Test("The longest path that is allowed leaves room for every socket")
    func longest() throws {
        let room = 107 - folder.path.utf8.count - 1 - "/t/99999-p-999999/out.sock".utf8.count
        let longest = RunDirectory(path: folder.file(String(repeating: "x", count: room)))
        withExtendedLifetime(try longest.open()) {}
        let sockets = [
            longest.controlSocket, longest.managementSocket, longest.frontEndSocket(of: EngineID(number: 999_999)),
            longest.temporaryDirectory(of: ProcessID(number: 999_999), epoch: 99_999) + "/out.sock",
        ]
        for socket in sockets { #expect(socket.utf8.count <= 107) }
        #expect(throws: ControllerError.self) { try RunDirectory(path: longest.path + "x").open() }
    }

    @Test("The logs of the last life are kept, those before it are not")
    func previousLogs() throws {
        withExtendedLifetime(try directory.open()) {}
        try folder.write("run/logs/p-1.log", "first life")
        withExtendedLifetime(try directory.open()) {}
        #expect(!exists(folder.file("run/logs/p-1.log")))
        #expect(try folder.read("run/logs.previous/p-1.log") == "first life")
        try folder.write("run/logs/p-2.log", "second life")
        withExtendedLifetime(try directory.open()) {}
        #expect(try folder.read("run/logs.previous/p-2.log") == "second life")
        #expect(!exists(folder.file("run/logs.previous/p-1.log")))
    }

    @Test("The first epoch is 1, and it rises at each start")
    func epoch() throws {
        let lock = try directory.open()
        defer { withExtendedLifetime(lock) {} }
        for expected in 1...5 { #expect(try Epoch.next(in: directory) == expected) }
        #expect(try folder.read("run/epoch") == "5\n")
        // Half of a write that a crash ended.
        try folder.write("run/epoch.new", "")
        #expect(try Epoch.next(in: directory) == 6)
    }

    @Test(
        "A damaged epoch is no reason to begin again",
        arguments: ["", "x", "0", "-3", "1.5", "3 4", "9223372036854775807", "9223372036854775808"])
    func damagedEpoch(text: String) throws {
        let lock = try directory.open()
        defer { withExtendedLifetime(lock) {} }
        try folder.write("run/epoch", text)
        try expectEpochError("holds '\(text)'")
        #expect(try folder.read("run/epoch") == text)
    }

    @Test("Neither is an epoch that cannot be read")
    func unreadableEpoch() throws {
        let lock = try directory.open()
        defer { withExtendedLifetime(lock) {} }
        try folder.write("run/epoch", [0xff, 0xfe])
        try expectEpochError("should hold one number")
        try FileManager.default.removeItem(atPath: folder.file("run/epoch"))
        try folder.makeFolder("run/epoch")
        try expectEpochError("should hold one number")
    }

    private func expectEpochError(_ text: String) throws {
        let error = try #require(throws: ControllerError.self) { try Epoch.next(in: directory) }
        #expect(error.code == .internal)
        #expect(error.message.contains(text))
    }

    @Test("An epoch that cannot be written is an error, not an epoch")
    func unwritableEpoch() throws {
        let error = try #require(throws: ControllerError.self) { try Epoch.next(in: directory) }
        #expect(error.message.contains("cannot be written: No such file or directory"))
    }

    /// Also what no record names: a zygote may fork in the moment in which it is killed.
    @Test func whatProcessesHaveMadeIsRemoved() throws {
        let lock = try directory.open()
        defer { withExtendedLifetime(lock) {} }
        let folder = directory.temporaryDirectory(of: ProcessID(number: 7), epoch: 3)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let files = [
            folder + "/out.sock", directory.workerSocket(of: ProcessID(number: 8)),
            directory.frontEndSocket(of: EngineID("e-1")),
        ]
        for file in files { try Data().write(to: URL(fileURLWithPath: file)) }
        let log = directory.log(of: ProcessID(number: 7))
        try Data().write(to: URL(fileURLWithPath: log))
        directory.removeProcessFiles(logger: Logger(label: "test"))
        #expect(!([folder] + files).contains { FileManager.default.fileExists(atPath: $0) })
        #expect(FileManager.default.fileExists(atPath: log))
    }
}
