import Foundation

/// The files of a model.
package struct ModelFolder {
    package let path: String

    package init(path: String) { self.path = path }

    /// So that every start of the model finds the same: its files in the page cache, and free memory that is there.
    package func makeReady() throws {
        try readFiles()
        // Stock vLLM writes to twice the memory of the weights; a gigabyte for everything else.
        try FreeMemory.touch(bytes: 2 * weightBytes + (1 << 30))
    }

    /// Reads the files of its weights, so that they are in the page cache.
    package func readFiles() throws {
        for file in try weightFiles {
            let handle = try FileHandle(forReadingFrom: file)
            defer { try? handle.close() }
            while let bytes = try handle.read(upToCount: 4 << 20), !bytes.isEmpty { try Interruption.check() }
        }
    }

    /// The sizes of its weights' files, together.
    package var weightBytes: Int {
        get throws {
            try weightFiles.reduce(0) { sum, file in
                let values = try file.resolvingSymlinksInPath().resourceValues(forKeys: [.fileSizeKey])
                return sum + (values.fileSize ?? 0)
            }
        }
    }

    private var weightFiles: [URL] {
        get throws {
            let folder = URL(fileURLWithPath: path).resolvingSymlinksInPath()
            return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .filter { $0.pathExtension == "safetensors" }
        }
    }
}
