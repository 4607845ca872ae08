// POSTs a body with Go's client; prints status and reply.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	request, err := http.NewRequest("POST", os.Args[1], strings.NewReader(os.Args[3]))
	if err != nil {
		panic(err)
	}
	request.Header.Set("X-Api-Key", os.Args[2])
	request.Header.Set("Content-Type", "application/json")
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(reply.StatusCode, string(body))
}
