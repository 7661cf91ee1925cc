import Foundation

/// A folder of one test, short enough for sockets, removed with the last reference to this.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = "/tmp/sup-\(UUID().uuidString.prefix(12))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        // A socket that is just being closed vanishes by itself, which ends a removal half-way.
        for _ in 0..<3 where exists(path) { try? FileManager.default.removeItem(atPath: path) }
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = file(name)
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, text.utf8) }

    @discardableResult
    func makeFolder(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: file(name), withIntermediateDirectories: true)
        return file(name)
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}

func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
