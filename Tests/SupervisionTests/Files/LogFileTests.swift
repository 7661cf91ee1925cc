import Foundation
import Testing

@testable import Supervision

@Suite("Logs of processes")
struct LogFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func tail(_ text: String, lines: Int = 3) throws -> [String] {
        LogFile.tail(of: try folder.write("a.log", text), lines: lines)
    }

    @Test("The last lines, with or without a final line end, without empty lines")
    func short() throws {
        #expect(try tail("1\n2\n3\n4\n") == ["2", "3", "4"])
        #expect(try tail("1\n2\n3\n4") == ["2", "3", "4"])
        #expect(try tail("1\n\n\n2\n\n") == ["1", "2"])
        #expect(try tail("\n\n") == [])
        #expect(try tail("") == [])
        #expect(try tail("1\n2", lines: 0) == [])
    }

    @Test("Windows line ends count")
    func windows() throws {
        #expect(try tail("1\r\n2\r\n3\r\n4\r\n") == ["2", "3", "4"])
    }

    @Test("No file, no lines")
    func none() {
        #expect(LogFile.tail(of: folder.file("nowhere"), lines: 3) == [])
    }

    @Test("Of a long log only whole lines, from its last 64 KiB")
    func long() throws {
        let lines = (0..<20_000).map { "line \($0) of many" }
        #expect(try tail(lines.joined(separator: "\n") + "\n") == Array(lines.suffix(3)))
        let all = try tail(lines.joined(separator: "\n"), lines: 1_000_000)
        #expect(all == Array(lines.suffix(all.count)))
        #expect(all.joined(separator: "\n").utf8.count <= 64 << 10)
        #expect(all.count > 2000)
    }

    @Test("Of one line that is longer than that, the end")
    func longLine() throws {
        let found = try tail(String(repeating: "x", count: 70_000) + "end")
        #expect(found.count == 1)
        #expect(found.first?.utf8.count == 64 << 10)
        #expect(found.first?.hasSuffix("xend") == true)
    }

    @Test("Bytes that are no text do not hide the rest")
    func notText() throws {
        let file = try folder.write("a.log", Array("one\n".utf8) + [0xff, 0xc3, 0x0a] + Array("three\n".utf8))
        #expect(LogFile.tail(of: file, lines: 3) == ["one", "\u{fffd}\u{fffd}", "three"])
    }

    @Test("Lines that were moved out a moment ago are found")
    func moved() throws {
        let file = try folder.write("a.log", (0..<100).map { "\($0)\n" }.joined())
        LogFile.limit(file, bytes: 100)
        #expect(LogFile.tail(of: file, lines: 2) == ["98", "99"])
        try folder.write("a.log", "100\n")
        #expect(LogFile.tail(of: file, lines: 2) == ["99", "100"])
        #expect(LogFile.tail(of: file, lines: 1) == ["100"])
    }

    @Test("A log within half of its limit stays as it is")
    func small() throws {
        let file = try folder.write("a.log", String(repeating: "x", count: 500))
        LogFile.limit(file, bytes: 1000)
        #expect(try folder.names == ["a.log"])
        #expect(try folder.read("a.log").utf8.count == 500)
        LogFile.limit(folder.file("nowhere"), bytes: 1000)
        #expect(try folder.names == ["a.log"])
    }

    @Test("A flood keeps its end, within the limit")
    func flood() throws {
        let text = (0..<1000).map { "\($0)\n" }.joined()
        let file = try folder.write("a.log", text)
        LogFile.limit(file, bytes: 1000)
        #expect(try folder.read("a.log.1") == String(text.suffix(500)))
        #expect(try folder.read("a.log") == "")
        let attributes = try FileManager.default.attributesOfItem(atPath: file + ".1")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test("Who has the log open for appending goes on at its new end, and the total keeps to the limit")
    func writer() throws {
        let file = folder.file("a.log")
        let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        for number in 0..<2000 {
            let line = Array("line \(number)\n".utf8)
            #expect(write(descriptor, line, line.count) == line.count)
            if number % 10 == 0 {
                LogFile.limit(file, bytes: 1000)
                let total = try ["a.log", "a.log.1"].filter { exists(folder.file($0)) }
                    .reduce(0) { try $0 + folder.read($1).utf8.count }
                #expect(total <= 1000)
            }
        }
        #expect(LogFile.tail(of: file, lines: 5) == (1995..<2000).map { "line \($0)" })
        #expect(try !folder.read("a.log").utf8.contains(0))
    }
}
