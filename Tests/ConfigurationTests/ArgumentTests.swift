import ControllerConfiguration
import Testing

@Suite("Arguments")
struct ArgumentTests {
    private func arguments(_ text: String) throws -> [String: ConfigurationValue] {
        try #require(try parse("models: {a: {path: ./a, arguments: \(text)}}").models.first).arguments
    }

    private func mistake(_ argument: String) -> [String] {
        mistakes("models:\n  a:\n    path: ./a\n    arguments:\n      \(argument)")
    }

    @Test func valuesAreAsInJSON() throws {
        let read = try arguments(
            """
            {int: 5, negative: -7, number: 1.5, small: 1e-5, "yes": true, no: False, nothing: null, word: yes, quoted: "5",
            revision: 0123456, huge: 99999999999999999999, time: 12:30, list: [1, a], map: {k: [null]}, other_bytes: 1MiB}
            """)
        #expect(
            read == [
                "int": .integer(5), "negative": .integer(-7), "number": .number(1.5), "small": .number(1e-5),
                "yes": .bool(true), "no": .bool(false), "nothing": .null, "word": .string("yes"),
                "quoted": .string("5"),
                "revision": .string("0123456"), "huge": .string("99999999999999999999"), "time": .string("12:30"),
                "list": .list([.integer(1), .string("a")]), "map": .object(["k": .list([.null])]),
                "other-bytes": .string("1MiB"),
            ])
    }

    @Test(arguments: ["kv-cache-memory-bytes", "kv_cache_memory_bytes"])
    func aSizeOfKVCacheIsConverted(key: String) throws {
        let model = try #require(try parse("models: {a: {path: ./a, arguments: {\(key): 256MiB}}}").models.first)
        #expect(model.kvCacheBytes == 268_435_456)
        #expect(model.arguments == ["kv-cache-memory-bytes": .integer(268_435_456)])
    }

    @Test func aBadSizeOfKVCacheIsRefused() {
        #expect(
            mistake("kv_cache_memory_bytes: -1") == [
                "5: models.a.arguments.kv_cache_memory_bytes is '-1'; write a size above zero as in 256MiB, 1.5GiB, 4GB, "
                    + "500kB, or a number of bytes"
            ])
    }

    @Test(arguments: [
        ("host", "leave it out: clients reach every model through 'listen'"),
        ("port", "leave it out: clients reach every model through 'listen'"),
        ("uds", "leave it out: clients reach every model through 'listen'"),
        ("api-key", "use 'api_keys' at the top of the file"),
        ("served-model-name", "use the model's name and its 'aliases'"),
        ("served_model_name", "use the model's name and its 'aliases'"),
        ("distributed-executor-backend", "use 'executor'"),
        ("model", "use 'path'"),
        ("tensor_parallel_size", "use 'tensor_parallel_size'"),
        ("pipeline-parallel-size", "leave it out: an engine is one server"),
        ("pipeline_parallel_size", "leave it out: an engine is one server"),
        ("ssl-keyfile", "use 'tls' at the top of the file"),
        ("data-parallel-size", "leave it out: an engine is one server"),
        ("config", "write its settings under 'arguments'"),
    ])
    func whatTheControllerOwnsIsRefusedByName(key: String, remedy: String) {
        #expect(mistake("\(key): 1") == ["5: the argument '\(key)' is decided by the controller; \(remedy)"])
    }

    @Test func oneArgumentSpelledTwoWaysIsGivenTwice() {
        #expect(
            mistake("max-model-len: 1\n      max_model_len: 2") == [
                "6: the argument 'max-model-len' is given a second time; the first is on line 5; keep one of them"
            ])
    }

    @Test func dashesInFrontAreRefused() {
        #expect(
            mistake("--max-model-len: 1") == [
                "5: '--max-model-len' cannot be the name of an argument; write the server's argument without the dashes in "
                    + "front, as in max-model-len"
            ])
    }

    @Test(arguments: [
        "trust-remote-code: true", "trust_remote_code: true", "trust-remote-code: \"true\"", "trust-remote-code: 1",
    ])
    func aModelsOwnCodeMustBeAllowed(argument: String) throws {
        let found = mistake(argument)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("5: models.a.arguments.trust") == true)
        #expect(found.first?.contains("would let the model's own code run; ") == true)
        #expect(found.first?.contains("'allow_trust_remote_code: true'") == true)
        let allowed = "allow_trust_remote_code: true\nmodels: {a: {path: ./a, arguments: {\(argument)}}}"
        #expect(try parse(allowed).models.first?.arguments["trust-remote-code"] != nil)
    }

    @Test func refusingAModelsOwnCodeIsAlwaysAllowed() throws {
        #expect(try arguments("{trust-remote-code: false}") == ["trust-remote-code": .bool(false)])
    }

    @Test func aliasesOfAliasesDoNotFillTheMemory() {
        var text = "models:\n  a:\n    path: ./a\n    arguments:\n      k0: &k0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        for level in 1...12 {
            let uses = Array(repeating: "*k\(level - 1)", count: 10).joined(separator: ", ")
            text += "      k\(level): &k\(level) [\(uses)]\n"
        }
        let found = mistakes(text)
        #expect(found.count == 1)
        #expect(found.first?.contains("has too many values in it; ") == true)
    }
}
