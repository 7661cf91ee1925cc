import ControllerConfiguration
import Foundation
import Testing

@Suite("Loading")
struct LoadingTests {
    private func problem(of path: String) throws -> ConfigurationError {
        let errors = try #require(throws: ConfigurationErrors.self) { try Configuration.load(path: path) }
        #expect(errors.errors.count == 1)
        return try #require(errors.errors.first)
    }

    @Test func relativePathsStartAtTheFilesFolder() throws {
        try withFolder { folder in
            let path = folder + "/wc.yaml"
            try "models: {a: {path: ./a}}".write(toFile: path, atomically: true, encoding: .utf8)
            let configuration = try Configuration.load(path: path)
            #expect(configuration.file == path)
            #expect(configuration.runDirectory == folder + "/run")
            #expect(configuration.models.first?.path == folder + "/a")
        }
    }

    @Test func aMissingFileSaysHowToMakeOne() throws {
        let error = try problem(of: "nothing/here.yaml")
        #expect(error.file == FileManager.default.currentDirectoryPath + "/nothing/here.yaml")
        #expect(error.line == nil)
        #expect(error.description.hasPrefix("\(error.file): there is no such file; write one"))
        #expect(error.remedy.contains("worker-controller.yaml"))
    }

    @Test func aFileLargerThanTheLimitIsRefused() throws {
        try withFolder { folder in
            let path = folder + "/wc.yaml"
            try Data(repeating: UInt8(ascii: "#"), count: Configuration.largestFile).write(
                to: URL(fileURLWithPath: path))
            #expect(try Configuration.load(path: path).models.isEmpty)
            try Data(repeating: UInt8(ascii: "#"), count: Configuration.largestFile + 1)
                .write(to: URL(fileURLWithPath: path))
            #expect(try problem(of: path).problem == "it is larger than 1 MiB")
        }
    }

    @Test func whatIsNoTextIsRefused() throws {
        try withFolder { folder in
            let path = folder + "/wc.yaml"
            try Data([0x61, 0xff, 0xfe]).write(to: URL(fileURLWithPath: path))
            #expect(try problem(of: path).problem == "it is not UTF-8 text")
            #expect(try problem(of: folder).problem.hasPrefix("it cannot be read: "))
        }
    }
}
