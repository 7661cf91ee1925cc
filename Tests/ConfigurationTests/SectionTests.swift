import ControllerConfiguration
import Foundation
import Testing

@Suite("Sections")
struct SectionTests {
    @Test(arguments: [
        ("127.0.0.1:8000", "127.0.0.1", 8000), ("127.9.8.7:1", "127.9.8.7", 1),
        ("localhost:65535", "localhost", 65_535),
        ("\"[::1]:0\"", "::1", 0), ("\"[0:0::1]:80\"", "0:0::1", 80),
    ])
    func loopbackAddresses(text: String, host: String, port: Int) throws {
        #expect(try parse("listen: \(text)").listen == ListenAddress(host: host, port: port))
    }

    @Test func anAddressIsShownAsItIsWritten() {
        #expect(ListenAddress(host: "::1", port: 80).description == "[::1]:80")
        #expect(ListenAddress(host: "127.0.0.1", port: 80).description == "127.0.0.1:80")
    }

    @Test(arguments: [
        "0.0.0.0:8000", "192.168.1.4:80", "example.org:80", "\"[::]:80\"", "\"[fe80::1]:80\"", "127.1:80",
        "128.0.0.1:80",
        "\"[::ffff:127.0.0.1]:80\"",
    ])
    func listeningBeyondThisMachineIsRefusedUntilKeysAreEnforced(text: String) {
        #expect(
            mistakes("\nlisten: \(text)") == [
                "2: listening beyond this machine is refused until API keys are enforced, which is not built yet; "
                    + "use 127.0.0.1, [::1] or localhost"
            ])
    }

    @Test(arguments: [
        "8000", "localhost", ":8000", "::1:8000", "127.0.0.1:65536", "127.0.0.1:x", "http://localhost:80",
    ])
    func whatIsNoAddress(text: String) {
        #expect(
            mistakes("listen: \"\(text)\"") == [
                "1: listen is \"\(text)\"; write an address and a port (0 to 65535) as in 127.0.0.1:8000 or \"[::1]:8000\""
            ])
    }

    @Test func aRunDirectoryWhoseSocketsWouldNotFitIsRefusedWithTheLength() throws {
        let fits = "/" + String(repeating: "r", count: 91)
        #expect(try parse("run_directory: \(fits)").runDirectory == fits)
        #expect(
            mistakes("\nrun_directory: \(fits)é") == [
                "2: run_directory is too long: the sockets in \(fits)é would have paths of 109 bytes, and the system takes "
                    + "107; name one that is at least 2 bytes shorter, as in run_directory: /tmp/worker-controller"
            ])
        let deep = "/" + String(repeating: "d", count: 100)
        let errors = try #require(throws: ConfigurationErrors.self) {
            try Configuration.parse("", file: "\(deep)/worker-controller.yaml")
        }
        #expect(errors.errors.map(\.line) == [nil], "the default can be too long as well")
    }

    @Test func runtimes() throws {
        let runtimes = try parse(
            """
            runtimes:
              path: {python: python3}
              absolute: {python: /opt/bin/python}
              relative: {python: venv/bin/python, environment: {A: 1, B: yes, C: 0x10, D: "", E: 1.50}}
              other: {program: simulated-runtime}
              dotted: {program: ./bin/../simulated-runtime}
            """
        ).runtimes
        let module = ["-m", "worker_controller_vllm.zygote"]
        #expect(runtimes.map(\.name) == ["absolute", "dotted", "other", "path", "relative"])
        #expect(
            runtimes.map(\.command) == [
                ["/opt/bin/python"] + module, ["/nowhere/bin/../simulated-runtime"], ["/nowhere/simulated-runtime"],
                ["python3"] + module, ["/nowhere/venv/bin/python"] + module,
            ])
        #expect(runtimes.last?.environment == ["A": "1", "B": "yes", "C": "0x10", "D": "", "E": "1.50"])
    }

    @Test func aTildeIsTheHomeFolder() throws {
        let home = FileManager.default.homeDirectoryForCurrentUser.path
        let configuration = try parse("run_directory: ~/r\nruntimes: {a: {python: ~/bin/python}}")
        #expect(configuration.runDirectory == home + "/r")
        #expect(configuration.runtimes.first?.command.first == home + "/bin/python")
    }

    @Test(arguments: [
        Mistake(
            "runtimes:\n  a:\n    environment: {}",
            "2: runtimes.a has no program to start; add 'python: .venv/bin/python' (the environment with vLLM), or "
                + "'program: PATH' for another runtime"),
        Mistake(
            "runtimes:\n  a:\n    python: p\n    program: q",
            "4: runtimes.a has both 'python' and 'program'; keep one of them"),
        Mistake("runtimes:\n  a:\n    python: ''", "3: runtimes.a.python is \"\"; write a text"),
        Mistake(
            "runtimes:\n  a:\n    program: \"a\\0b\"", "3: runtimes.a.program has a NUL character in it; remove it"),
        Mistake(
            "runtimes:\n  ../a: {python: p}",
            "2: '../a' cannot be the name of a runtime; use letters, digits, '.', '_' and '-', a letter or digit first"),
        Mistake(
            "runtimes:\n  a:\n    python: p\n    environment:\n      B:\n      C=D: 1\n      E: [1]",
            "5: runtimes.a.environment.B is empty; write a text, \"\" for an empty one",
            "6: 'C=D' cannot be the name of an environment variable; use letters, digits and underscores",
            "7: runtimes.a.environment.E is a list; write a text, \"\" for an empty one"),
    ])
    func mistakenRuntimes(mistake: Mistake) {
        #expect(mistakes(mistake.text) == mistake.expected)
    }
}
